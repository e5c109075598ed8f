"""An export by mouse: requested, watched, downloaded after the password was typed again, found in the register."""

import http.client
import re
import ssl
import zipfile
from pathlib import Path

from cryptography.hazmat.primitives.serialization import load_pem_private_key, pkcs12
from playwright.sync_api import Page, expect

from sitekit.site import Site
from tests.browser.conftest import WIDE, Eyes
from tests.browser.test_looks import looked_at

WORD = "a Password of 7 signs"


def ask(page: Page, machine_names: str, format: str, password: str) -> None:
    page.get_by_role("link", name="New export").click()
    page.get_by_label("Machine names").fill(machine_names)
    page.get_by_label("Format").select_option(label=format)
    page.get_by_label("Certificate password").fill(password)
    page.get_by_role("button", name="Export").click()


def is_fine(eyes: Eyes, name: str) -> None:
    """As every page, at both widths."""
    assert looked_at(eyes, name) == []
    eyes.page.set_viewport_size(WIDE)


def fetched(page: Page, place: Path) -> dict[str, bytes]:
    """The content of the downloaded zip."""
    with page.expect_download() as coming:
        page.get_by_role("button", name="Download the zip").click()
    coming.value.save_as(place)
    with zipfile.ZipFile(place) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def called(site: Site, folder: Path) -> bytes:
    """The answer of the central node's port 4242 to the exported client certificate."""
    context = ssl.create_default_context(cafile=str(folder / "root.pem"))
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    context.load_cert_chain(folder / "client.pem", folder / "client_key.pem")
    connection = http.client.HTTPSConnection("127.0.0.1", site.node_port, context=context, timeout=10)
    connection.request("GET", "/status/servicestate")
    answer = connection.getresponse().read()
    connection.close()
    return answer


def role_given(eyes: Eyes, machine: str) -> None:
    """Give an export a role, from the list of exports, after a refusal."""
    page = eyes.page
    page.get_by_role("row", name=machine).get_by_role("link", name=machine).click()
    page.get_by_role("link", name="Role…").click()
    page.get_by_label("Role").select_option("Viewer")
    page.get_by_label("Addresses").fill("nowhere")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("is not an IP address or network")).to_be_visible()
    is_fine(eyes, "export-role")
    page.get_by_label("Addresses").fill("127.0.0.0/8")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Viewer, from 127.0.0.0/8")).to_be_visible()


def test_two_machines_as_pem_and_one_as_windows(eyes: Eyes, site: Site, tmp_path: Path) -> None:
    page = eyes.sign_in()
    page.get_by_role("navigation", name="Rooms").get_by_role("link", name="Exports").click()
    ask(page, "east.example\nwest.example", "PEM", "")
    expect(page.get_by_role("heading", name="Export of 2 machines")).to_be_visible()
    expect(page.get_by_text("2 of 2 made.").first).to_be_visible(timeout=60_000)
    expect(page.get_by_text("The private keys are not encrypted")).to_be_visible()
    page.get_by_role("link", name="Download…").click()
    expect(page.get_by_role("heading", name="Confirm your password")).to_be_visible()
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_text("Incorrect password")).to_be_visible()
    page.get_by_label("Password").fill(eyes.password())
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_role("heading", name="Download 2 machines")).to_be_visible()
    is_fine(eyes, "export-download")
    files = fetched(page, tmp_path / "pem.zip")
    assert {name.split("/")[0] for name in files} == {"east.example", "west.example"}
    load_pem_private_key(files["west.example/client_key.pem"], None)
    folder = site.data / "node/Exported Certificates/west.example"
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {
        name.split("/")[1]: content for name, content in files.items() if name.startswith("west")
    }

    assert called(site, folder) == b"2"
    page.get_by_role("navigation", name="Rooms").get_by_role("link", name="Exports").click()
    expect(page.get_by_role("row", name="west.example")).to_contain_text(re.compile("just now|ago"))
    expect(page.get_by_role("row", name="east.example")).to_contain_text("never")
    role_given(eyes, "west.example")
    page.get_by_role("navigation", name="Rooms").get_by_role("link", name="Exports").click()
    ask(page, "north.example", "Windows", "")
    expect(page.get_by_text("A Windows export needs a password")).to_be_visible()
    expect(page.get_by_label("Machine names")).to_have_value("north.example")
    is_fine(eyes, "export-refused")
    page.get_by_label("Certificate password").fill(WORD)
    page.get_by_role("button", name="Export").click()
    expect(page.get_by_text("1 of 1 made.").first).to_be_visible(timeout=60_000)
    page.get_by_role("link", name="Download…").click()  # the sign-in is fresh
    files = fetched(page, tmp_path / "windows.zip")
    assert sorted(files) == ["north.example/client.pfx", "north.example/root.cer", "north.example/server.pfx"]
    pkcs12.load_pkcs12(files["north.example/server.pfx"], WORD.encode())

    page.get_by_role("navigation", name="Rooms").get_by_role("link", name="Exports").click()
    page.get_by_label("Search").fill("NORTH")
    expect(page.get_by_text("1 export", exact=True)).to_be_visible()
    page.get_by_role("link", name="north.example").click()
    expect(page.get_by_text("Files downloaded by admin")).to_be_visible()
    page.get_by_role("link", name="Revoke…").click()
    page.get_by_label("Why").select_option(label="its private key is known to others")
    page.get_by_label("What happened").fill("Its disk was stolen.")
    page.get_by_role("button", name="Revoke").click()
    expect(page.get_by_text("Its disk was stolen.").first).to_be_visible()
    is_fine(eyes, "export-revoked")
