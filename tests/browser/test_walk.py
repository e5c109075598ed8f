"""The life of a node, by mouse on a desktop and by keyboard only at the width of a phone."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography import x509
from playwright.sync_api import Page, expect

from pki.exchange import password
from sitekit.site import ROOT
from tests.browser.conftest import NARROW, Eyes, Furnished

# What holds the focus, and what is wrong with how it is shown.
FOCUSED = """() => { const held = document.activeElement, box = held.getBoundingClientRect(), look = getComputedStyle(held);
const words = held.getAttribute("aria-label") || held.labels?.[0]?.innerText || held.innerText || "";
const seen = look.outlineStyle !== "none" && parseFloat(look.outlineWidth) >= 2 && box.width > 0 && box.height > 0
&& box.left >= 0 && box.right <= innerWidth && box.bottom > 0 && box.top < innerHeight;
return {name: words.trim(), seen, html: held.outerHTML.slice(0, 200)}; }"""


class Keyboard:
    """A person without a mouse."""

    def __init__(self, page: Page) -> None:
        self.page = page

    def to(self, name: str) -> None:
        """Press Tab until the focus is on the element with this name. The focus must be visible at every stop."""
        self.page.wait_for_load_state()
        expect(self.page.locator("#quick:not([data-filled])")).to_have_count(0)  # the views of a list are drawn again with their numbers
        for _ in range(80):
            self.page.keyboard.press("Tab")
            held = self.page.evaluate(FOCUSED)
            if held["html"].startswith("<body"):
                continue
            assert held["seen"], f"the focus is not seen: {held}"
            if re.match(rf"{re.escape(name)}\b", held["name"]):
                return
        raise AssertionError(f"no Tab leads to {name}")

    def press(self, name: str) -> None:
        self.to(name)
        self.page.keyboard.press("Enter")

    def write(self, name: str, text: str) -> None:
        self.to(name)
        self.page.keyboard.press("Control+A")
        self.page.keyboard.type(text)


def state(page: Page, label: str) -> None:
    expect(page.locator("#life .card-header")).to_contain_text(label, timeout=40_000)


def test_a_node_is_registered_managed_and_removed_by_mouse(eyes: Eyes) -> None:
    page, address = eyes.go(), eyes.site.agents[4]
    sign_in_wrong_then_right(eyes)
    page.get_by_role("link", name="Register node").click()
    nonsense_is_told_beside_the_fields(page)
    closed_port_has_a_remedy(page, eyes.site.address(99))
    shown = register(eyes, address)
    password_is_typed_on_the_node(eyes, address, shown)
    expect(page.locator("#password")).to_have_count(0)
    state(page, "registered")
    assert page.evaluate("window.walked"), "the page was loaded again"
    assert shown not in page.reload().text()
    eyes.picture("registered")
    certificate_is_read_and_downloaded(eyes)
    lifetime_goes_from_12_to_60_months(page)
    redistribute(eyes, address)
    old_certificate_is_revoked(page)
    renew_and_remove(page)


def sign_in_wrong_then_right(eyes: Eyes) -> None:
    page = eyes.page
    page.get_by_label("Username").fill("admin")
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("is wrong")
    password = eyes.password()
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in", exact=True).click()
    eyes.signed_in(password)


NONSENSE = {"Name": "rim1", "Host name": "not a host name", "Address": "nowhere", "Node port": "70000"}


def nonsense_is_told_beside_the_fields(page: Page) -> None:
    for label, text in NONSENSE.items():
        page.get_by_label(re.compile(rf"^\s*{label}\s*(\(optional\)\s*)?$")).fill(text)
    page.get_by_role("checkbox", name="Engine").check()
    page.get_by_role("button", name="Register").click()
    for field in ("host_name", "address", "node_port"):
        expect(page.locator(f"#id_{field}_error")).not_to_be_empty()
        expect(page.locator(f"#id_{field}")).to_have_attribute("aria-invalid", "true")
    expect(page.get_by_role("alert")).to_be_in_viewport()
    expect(page.locator("#id_name")).to_have_value("rim1")
    expect(page.locator("#id_host_name")).to_have_value("not a host name")
    expect(page.get_by_role("checkbox", name="Engine")).to_be_checked()


def closed_port_has_a_remedy(page: Page, nobody: str) -> None:
    page.locator("#id_name").fill("rim2")
    page.locator("#id_host_name").fill("rim2.example")
    page.locator("#id_address").fill(nobody)
    page.locator("#id_node_port").fill("4242")
    page.get_by_role("button", name="Run checks").click()
    blocker = page.locator(".finding", has_text="problem")
    expect(blocker).to_contain_text("Port 4444 does not answer")
    expect(blocker).to_contain_text("Start the agent")
    expect(page.locator("#start-command")).to_have_text(re.compile(rf"serve .* --address {re.escape(nobody)}$"))
    waiting = page.locator("#waiting")
    expect(waiting).to_contain_text("Waiting for the agent")
    page.get_by_role("button", name="Stop waiting").click()
    expect(waiting).to_be_empty()
    page.get_by_role("button", name="Run checks").click()
    expect(waiting).to_contain_text(f"Checked {nobody}, port 4444")


def register(eyes: Eyes, address: str) -> str:
    page = eyes.page
    page.locator("#id_address").fill(address)
    expect(page.locator(".finding", has_text="waits for certificates")).to_be_visible(timeout=20_000)  # nobody pressed anything
    expect(page.locator("#waiting")).to_be_empty()
    expect(page.locator(".finding", has_text="problem")).to_have_count(0)
    expect(page.locator(".wrong, [aria-invalid]")).to_have_count(0)
    eyes.picture("register", to=".card-footer")
    page.get_by_label("Register as soon as the agent answers").check()
    page.get_by_role("button", name="Run checks").click()
    shown = eyes.shown("#password")
    page.evaluate("window.walked = true")
    expect(page).to_have_url(re.compile(r"/nodes/[0-9a-f-]{36}/$"))
    state(page, "awaiting password")
    eyes.picture("password")
    with eyes.another_page():
        eyes.go()
        eyes.picture("overview")
    return shown


def password_is_typed_on_the_node(eyes: Eyes, address: str, shown: str) -> None:
    with eyes.another_page() as page:
        eyes.go(f"http://{address}:4570/certificateSetup")
        eyes.picture("setup")
        page.get_by_label("Password").fill(shown[:-1] + ("0" if shown[-1] != "0" else "1"))
        page.get_by_role("button", name="Install certificates").click()
        expect(page.get_by_role("alert")).to_contain_text("Mistyped")
        page.get_by_label("Password").fill(password.display(password.generate()))
        page.get_by_role("button", name="Install certificates").click()
        expect(page.get_by_role("status")).to_contain_text("has not arrived yet")
        page.get_by_role("link", name="Type another password").click()
        page.get_by_label("Password").fill(shown.lower())
        page.get_by_role("button", name="Install certificates").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Certificates installed")


def certificate_is_read_and_downloaded(eyes: Eyes) -> None:
    page = eyes.page
    page.get_by_role("link", name="Service", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Service certificate of rim2.example")
    expect(page.locator(".fields")).to_contain_text("digital signature, key encipherment")
    with page.expect_download() as downloaded:
        page.get_by_role("link", name="Download PEM").click()
    certificate = x509.load_pem_x509_certificate(Path(downloaded.value.path()).read_bytes())
    assert certificate.subject.rfc4514_string() == "CN=rim2.example"
    page.go_back()


def lifetime_goes_from_12_to_60_months(page: Page) -> None:
    node = page.url
    page.keyboard.press("Control+K")
    page.keyboard.type("lifetime")
    page.get_by_role("option", name="Lifetime", exact=False).first.click()
    for months, message in (("99", "99 months are not possible. The lifetime is now 60 months."), ("24", "Saved: 24 months.")):
        page.get_by_label("Lifetime").fill(months)
        page.get_by_role("button", name="Save").click()
        expect(page.get_by_role("status")).to_contain_text(message)
    expect(page.get_by_role("heading", level=1)).to_have_text("New certificates are valid for 24 months")
    page.goto(node)


def redistribute(eyes: Eyes, address: str) -> None:
    page = eyes.page
    page.get_by_role("link", name="Redistribute").click()
    expect(page.locator(".touched li")).to_have_count(2)
    page.get_by_role("button", name="Redistribute").click()
    shown = eyes.shown("#password")
    # The node would get it with its next call, within a minute.
    command = [sys.executable, "-m", "agent", "reopen", "--home", eyes.site.data / "agents" / address]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    state(page, "awaiting password")
    password_is_typed_on_the_node(eyes, address, shown)
    state(page, "registered")


def old_certificate_is_revoked(page: Page) -> None:
    node = page.url
    page.get_by_role("link", name="Certificates", exact=True).click()
    page.get_by_label("Search").fill("rim2")
    page.get_by_label("Status").select_option("superseded")
    page.get_by_label("Kind").select_option("service")
    expect(page.get_by_role("status")).to_have_text("1 certificate")
    page.get_by_role("link", name="Service certificate of rim2.example").click()
    page.get_by_role("link", name="Revoke…").click()
    replaced = page.get_by_role("row").filter(has_text="Made for this node, not reported as installed")
    for _ in range(60):  # the page says what the node reported last; the next report comes within a minute
        if replaced.count():
            break
        page.wait_for_timeout(1000)
        page.reload()
    expect(replaced).to_contain_text("rim2.example")
    page.get_by_label("What happened").fill("its disk went to the repair shop")
    page.get_by_role("button", name="Revoke").click()
    expect(page.locator("#id_code_error")).to_contain_text("Choose why")
    expect(page.get_by_label("What happened")).to_have_value("its disk went to the repair shop")
    page.get_by_label("Why").select_option("keyCompromise")
    page.get_by_role("button", name="Revoke").click()
    expect(page.get_by_role("main")).to_contain_text("its private key is known to others")
    page.get_by_role("link", name="Show the certificate").click()
    page.get_by_role("link", name=re.compile("-CA$")).click()
    with page.expect_download() as downloaded:
        page.get_by_role("link", name="Download crl.pem").click()
    assert len(x509.load_pem_x509_crl(Path(downloaded.value.path()).read_bytes()).extensions) == 2
    page.goto(node)


def renew_and_remove(page: Page) -> None:
    page.get_by_role("link", name="Renew").click()
    page.get_by_role("button", name="Renew").click()
    expect(page.locator("#life")).to_contain_text("A renewal is in progress")
    page.get_by_role("link", name="Remove").click()
    expect(page.get_by_role("main")).to_contain_text("rim2.example")
    page.get_by_role("button", name="Remove rim2").click()
    state(page, "decommissioned")
    page.get_by_role("list", name="Site").get_by_role("link", name="Nodes").click()
    expect(page).to_have_title("Nodes · Trust zone console")
    page.get_by_label("Search").fill("rim2")
    page.get_by_role("button", name="Filter").click()
    expect(page.get_by_role("status")).to_have_text("0 nodes")


@pytest.mark.parametrize("eyes", [NARROW], indirect=True, ids=["390 px"])
def test_a_node_is_registered_by_keyboard_only_on_a_narrow_screen(eyes: Eyes) -> None:
    page, address = eyes.go(), eyes.site.agents[5]
    hands = Keyboard(page)
    hands.write("Username", "admin")
    hands.write("Password", eyes.password())
    page.keyboard.press("Enter")
    expect(page).to_have_title("Overview · Trust zone console")
    hands.press("Menu")
    hands.press("Nodes")
    expect(page).to_have_title("Nodes · Trust zone console")
    hands.press("Skip to the content")
    hands.press("Register node")
    expect(page).to_have_title("Register node · Trust zone console")
    for label, text in {"Name": "rim3", "Host name": "rim3.example", "Address": address}.items():
        hands.write(label, text)
    hands.to("Proxy")
    page.keyboard.press("Space")
    hands.press("Run checks")
    expect(page.locator("#findings")).to_contain_text("fully qualified")
    hands.press("Register")
    shown = eyes.shown("#password")
    state(page, "awaiting password")
    hands.press("Copy")
    expect(page.locator("[data-copy]")).to_contain_text(re.compile("Copied|Ctrl-C"))
    with eyes.another_page() as there:
        eyes.go(f"http://{address}:4570/certificateSetup")
        expect(there.get_by_label("Password")).to_be_focused()
        there.keyboard.type(shown)
        there.keyboard.press("Enter")
        expect(there.get_by_role("heading", level=1)).to_have_text("Certificates installed")
    state(page, "registered")
    hands.press("Service")
    expect(page.get_by_role("heading", level=1)).to_have_text("Service certificate of rim3.example")
    hands.press("Menu")
    hands.press("Sign out")
    expect(page).to_have_title("Sign in · Trust zone console")


def test_lists_are_searched_filtered_sorted_and_paged(eyes: Eyes, furnished: Furnished) -> None:
    eyes.sign_in()
    page = eyes.go("/certificates/")
    count, first = page.get_by_role("status"), page.locator("tbody tr").first
    page.evaluate("window.walked = true")
    page.get_by_label("Search").press_sequentially("alpha.example")
    expect(page).to_have_url(re.compile("search=alpha.example&status=in_force&kind=&"))
    expect(count).to_have_text("2 certificates")
    page.get_by_label("Kind").select_option("service")
    expect(page).to_have_url(re.compile("search=alpha.example&status=in_force&kind=service"))
    expect(count).to_have_text("1 certificate")
    assert page.evaluate("window.walked"), "the page was loaded again"
    page.get_by_label("Search").fill("no such thing")
    expect(count).to_have_text("0 certificates")
    expect(page.get_by_role("main")).to_contain_text("No certificates match")
    page.get_by_role("link", name="Clear the filters").click()
    expect(page).to_have_url(eyes.url("/certificates/"))
    page.wait_for_load_state()
    expect(page.get_by_label("Search")).to_have_value("")
    page.get_by_label("Status").select_option("superseded")
    expect(page).to_have_url(re.compile("status=superseded"))
    expect(count).to_have_text("60 certificates, 1–50 shown")
    page.get_by_role("link", name="Next").click()
    expect(count).to_have_text("60 certificates, 51–60 shown")
    page.get_by_role("link", name="Previous").click()
    expect(count).to_have_text("60 certificates, 1–50 shown")
    eyes.go("/nodes/")
    page.get_by_role("link", name="Node", exact=True).click()
    expect(page.get_by_role("columnheader", name="Node")).to_have_attribute("aria-sort", "descending")
    page.wait_for_load_state()
    expect(first).to_contain_text("waits.example")
    page.get_by_label("State").select_option("failed")
    expect(page).to_have_url(re.compile("state=failed"))
    expect(count).to_have_text("1 node")
    expect(first).to_contain_text("was not entered within 24 hours")


def test_a_holder_is_chosen_while_typing_and_the_rows_are_downloaded(eyes: Eyes, furnished: Furnished) -> None:
    eyes.sign_in()
    page = eyes.go("/certificates/")
    holder = page.get_by_label("Holder")
    holder.press_sequentially("alpha")
    expect(page.locator("#node-options option")).to_have_count(1)
    holder.fill(page.locator("#node-options option").get_attribute("value") or "")
    page.keyboard.press("Tab")
    expect(page).to_have_url(re.compile("node=alpha"))
    expect(page.get_by_role("status")).to_have_text("2 certificates")
    with page.expect_download() as download:
        page.get_by_role("link", name="CSV").click()
    assert download.value.suggested_filename == "certificates.csv"
    assert len(Path(download.value.path()).read_text().splitlines()) == 3


def test_a_signed_out_person_is_asked_to_sign_in(eyes: Eyes) -> None:
    eyes.sign_in()
    page = eyes.go("/certificates/")
    eyes.context.clear_cookies(name=re.compile("session"))
    page.get_by_label("Kind").select_option("service")
    expect(page).to_have_title("Sign in · Trust zone console")
    expect(page).to_have_url(eyes.url("/accounts/login/?next=/certificates/"))
