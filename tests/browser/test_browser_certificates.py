"""By mouse: a browser certificate is uploaded, checked, chosen for a node and in use there. Another one is requested, completed and deleted."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, pkcs12
from playwright.sync_api import expect

from tests.browser.conftest import Eyes
from tests.browser.test_looks import looked_at
from tests.public_authority import Signed, intermediate, p256, root, sign


def fresh(host_name: str, **more: Any) -> Signed:
    return sign(host_name, issuer=intermediate(), names=(host_name,), begins=datetime.now(UTC) - timedelta(days=1), **more)


def file(name: str, content: bytes) -> Any:
    return {"name": name, "mimeType": "application/octet-stream", "buffer": content}


def pfx(made: Signed, passphrase: str) -> Any:
    sealed = BestAvailableEncryption(passphrase.encode())
    content = pkcs12.serialize_key_and_certificates(b"web", made.key, made.certificate, [intermediate().certificate], sealed)
    return file("web.pfx", content)


def test_a_browser_certificate_is_uploaded_and_chosen(eyes: Eyes) -> None:
    host_name = f"at-{uuid.uuid4().hex[:6]}.corp.example"
    status, node = eyes.site.call("POST", "/nodes/", {"name": host_name[:10], "host_name": host_name, "address": eyes.site.address(98)})
    assert status == 201, node
    made, found = fresh(host_name, key=p256(50)), []
    page = eyes.sign_in()
    page.get_by_role("link", name="Browser certificates").click()
    page.get_by_role("link", name="Upload certificate", exact=True).click()
    expect(page).to_have_title("Upload a certificate · Trust zone console")
    page.get_by_label("Files").set_input_files([pfx(made, "right")])
    page.get_by_label("Passphrase").fill("wrong")
    page.get_by_label("Name").fill(f"Web {host_name}")
    page.get_by_role("button", name="Upload and check").click()
    expect(page.locator("#id_passphrase_error")).to_contain_text("does not open with this passphrase")
    expect(page.get_by_label("Name")).to_have_value(f"Web {host_name}")
    expect(page.get_by_label("Passphrase")).to_have_value("")
    found += looked_at(eyes, "browser certificate wrong passphrase")
    page.get_by_label("Files").set_input_files([pfx(made, "right")])
    page.get_by_label("Passphrase").fill("right")
    page.get_by_role("button", name="Upload and check").click()
    expect(page.get_by_role("status").filter(has_text="No node uses it until you choose it")).to_be_visible()
    expect(page.locator(".finding", has_text="The chain is in order")).to_be_visible()
    found += looked_at(eyes, "browser certificate kept")
    page.get_by_role("button", name=f"Choose for {node['name']}").click()
    expect(page).to_have_title(f"{node['name']} · Trust zone console")
    card = page.get_by_role("region", name="Browser certificate")
    expect(card).to_contain_text("not installed yet")
    expect(card.get_by_role("link", name=f"Web {host_name}")).to_be_visible()
    card.get_by_role("link", name="Choose…").click()
    page.get_by_label("Or by thumbprint").fill("\u200e2e 4f 9a")
    page.get_by_role("button", name="Choose", exact=True).click()
    expect(page.locator("#id_thumbprint_error")).to_contain_text("This has 6 symbols")
    found += looked_at(eyes, "browser certificate no thumbprint")
    page.get_by_label("Or by thumbprint").fill("\u200e" + " ".join(["2E"] * 20))
    page.get_by_role("button", name="Choose", exact=True).click()
    expect(card).to_contain_text("2e2e2e2e, which is not in this console")
    elsewhere = eyes.site.call("POST", "/browser-certificates/", {"host_names": ["elsewhere.example"], "key_type": "EC P-256"})[1]
    card.get_by_role("link", name="Choose…").click()
    page.locator("#id_pick").select_option(made.foreign.thumbprints[1])
    page.get_by_label("Or by thumbprint").fill("")
    page.get_by_role("button", name="Choose", exact=True).click()
    card.get_by_role("link", name=f"Web {host_name}").click()
    page.get_by_role("link", name="Delete…").click()
    expect(page.get_by_role("main")).to_contain_text("First choose another certificate for them")
    found += looked_at(eyes, "browser certificate chosen is not deleted")
    assert eyes.site.call("DELETE", f"/browser-certificates/{elsewhere['id']}/")[0] == 204
    assert found == []


def test_a_browser_certificate_is_requested_and_completed(eyes: Eyes) -> None:
    host_name, found = f"asked-{uuid.uuid4().hex[:6]}.corp.example", []
    page = eyes.sign_in()
    page.get_by_role("link", name="Browser certificates").click()
    page.get_by_role("link", name="Request certificate").click()
    page.get_by_label("Names").fill(f"{host_name}\nhttps://{host_name}")
    page.get_by_role("button", name="Create key and request").click()
    expect(page.locator("#id_host_names_error")).to_contain_text("scheme")
    found += looked_at(eyes, "browser certificate request nonsense")
    page.get_by_label("Names").fill(host_name)
    page.get_by_label("Key").select_option("EC P-256")
    page.get_by_role("button", name="Create key and request").click()
    expect(page).to_have_title(f"{host_name} · Trust zone console")
    with page.expect_download() as downloaded:
        page.get_by_role("link", name="Download request").click()
    asked = x509.load_pem_x509_csr(downloaded.value.path().read_bytes())
    assert page.locator("#csr").text_content().encode().split() == downloaded.value.path().read_bytes().split()
    page.get_by_label("Files").set_input_files([file("other.cer", fresh(host_name).pem)])
    page.get_by_role("button", name="Upload and check").click()
    expect(page.locator("#id_files_error")).to_contain_text("made for another key")
    found += looked_at(eyes, "browser certificate another's answer")
    answer = x509.CertificateBuilder(
        intermediate().certificate.subject, asked.subject, asked.public_key(), x509.random_serial_number(), datetime.now(UTC),
        datetime.now(UTC) + timedelta(days=90), list(asked.extensions),
    )  # fmt: skip
    signed = Signed(answer.sign(intermediate().key, hashes.SHA256()), None)
    page.get_by_label("Files").set_input_files([file("answer.cer", signed.pem)])
    page.get_by_role("button", name="Upload and check").click()
    expect(page.locator(".finding", has_text="It names no purpose")).to_be_visible()
    expect(page.locator(".finding", has_text="CN=Public CA 7, which issued it, is missing")).to_be_visible()
    found += looked_at(eyes, "browser certificate without its intermediate")
    eyes.go("/browser-certificates/")
    row = page.get_by_role("row", name=host_name)
    expect(row).to_contain_text("cannot be used")
    found += looked_at(eyes, "browser certificate blocked in the list")
    row.get_by_role("link", name=host_name).click()
    page.get_by_label("Files").set_input_files([file("ca.cer", root().pem)])
    page.get_by_role("button", name="Upload and check").click()
    expect(page.locator("#id_files_error")).to_contain_text("These files add nothing")
    found += looked_at(eyes, "browser certificate with nothing new")
    page.get_by_label("Files").set_input_files([file("ca.cer", intermediate().pem)])
    page.get_by_role("button", name="Upload and check").click()
    expect(page.locator(".finding", has_text="The chain is in order: 1 intermediate up to CN=Public Root")).to_be_visible()
    expect(page.get_by_role("status").filter(has_text="No node uses it until you choose it below.")).to_be_visible()
    found += looked_at(eyes, "browser certificate completed")
    page.get_by_role("link", name="Delete…").click()
    page.get_by_role("button", name="Delete certificate").click()
    expect(page).to_have_title("Browser certificates · Trust zone console")
    expect(page.get_by_role("link", name=host_name)).to_have_count(0)
    assert found == []
