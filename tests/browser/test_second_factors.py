"""Second factors in Chromium: an authenticator app, and a virtual passkey with the keyboard alone. Every page on the way is looked at."""

import json
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import WIDE, Eyes
from tests.browser.test_looks import looked_at
from tests.people.factors.keys import code_now

PASSWORD, PAGE = "correct horse battery", "/account/second-factors/"
PERSON = """
from django.contrib.auth.models import User
from people.roles.groups import role_give
from people.roles.registry import Role
role_give(User.objects.create_user("{name}", password="{password}"), Role.{role})
"""
VIRTUAL = {"protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True, "isUserVerified": True}


class Looks:
    """What is wrong with the pages that were looked at."""

    def __init__(self, eyes: Eyes) -> None:
        self.eyes, self.found = eyes, list[str]()

    def at(self, name: str) -> None:
        self.found += looked_at(self.eyes, name)
        self.eyes.page.set_viewport_size(WIDE)


@pytest.fixture
def looks(eyes: Eyes) -> Iterator[Looks]:
    seen = Looks(eyes)
    yield seen
    assert seen.found == []


def password(page: Page, name: str) -> None:
    page.get_by_label("Username").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()


def roles_and_reset(eyes: Eyes, looks: Looks) -> None:
    """A RootAdmin requires a second factor of a role, and resets those of a person."""
    page = eyes.page
    eyes.go("/people/roles/").get_by_role("checkbox", name="AuditAdmin").check()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("row", name="AuditAdmin")).to_contain_text("required")
    looks.at("roles")
    eyes.go("/people/").get_by_role("link", name="tom", exact=True).click()
    expect(page).to_have_title("tom · Trust zone console")
    looks.at("person with second factor")
    page.get_by_role("link", name="Reset", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Reset")
    looks.at("reset second factors")
    page.get_by_role("button", name="Reset second factors").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_an_authenticator_app_is_added_and_used(eyes: Eyes, looks: Looks) -> None:
    eyes.site.manage("shell", "-c", PERSON.format(name="tom", password=PASSWORD, role="ROOT_ADMIN"))
    page = eyes.go(PAGE)
    password(page, "tom")
    expect(page.get_by_text("None. Your password alone is enough")).to_be_visible()
    looks.at("second factors none")
    page.get_by_role("link", name="Add an authenticator app").click()
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Continue").click()
    key = page.locator("#key-text").inner_text()
    page.get_by_label("Name").fill("Phone of Tom")
    page.get_by_label("Code", exact=True).fill("000000")
    page.get_by_role("button", name="Add the app").click()
    expect(page.locator("#id_code_error")).to_contain_text("This code is wrong")
    expect(page.get_by_label("Name")).to_have_value("Phone of Tom")
    assert page.locator("#key-text").inner_text() == key
    looks.at("authenticator app")
    page.get_by_label("Code", exact=True).fill(code_now(key, steps=-1))
    page.get_by_role("button", name="Add the app").click()
    expect(page.get_by_role("heading", name="Your recovery codes")).to_be_visible()
    codes = page.locator("#codes-text code").all_inner_texts()
    with page.expect_download() as saved:
        page.get_by_role("link", name="Download").click()
    assert all(code in saved.value.path().read_text() for code in codes)
    looks.at("recovery codes")
    page.get_by_role("link", name="I have kept them").click()
    expect(page.get_by_role("row", name="Phone of Tom")).to_be_visible()
    looks.at("second factors")
    for name in ("Rename Phone of Tom", "Remove Phone of Tom", "Make new recovery codes"):
        eyes.go(PAGE).get_by_role("link", name=name).click()
        expect(page.get_by_role("heading", level=1)).not_to_have_text("Second factors")
        looks.at(name)
    page.get_by_role("button", name="Sign out tom").click()
    password(page, "tom")
    expect(page.get_by_role("heading", name="Second factor")).to_be_visible()
    page.get_by_label("Code").fill("000000")
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_text("This code is wrong")).to_be_visible()
    page.get_by_text("Lost phone or passkey").click()
    looks.at("second step")
    page.get_by_label("Code").fill(code_now(key))
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page).to_have_title("Overview · Trust zone console")
    eyes.go(f"{PAGE}recovery-codes/").get_by_role("link", name="Use a code").click()
    expect(page.get_by_label("Code")).to_be_visible()
    looks.at("code again")
    page.get_by_label("Code").fill(codes[0])
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_text("The 9 that you have left")).to_be_visible()
    roles_and_reset(eyes, looks)


def press(page: Page, name: str) -> None:
    """Reach a button or link with the Tab key alone, and press it."""
    expect(page.locator("a, button").filter(has_text=name).first).to_be_visible()
    page.wait_for_load_state()
    for _ in range(60):
        page.keyboard.press("Tab")
        if name in page.evaluate("document.activeElement === document.body ? '' : document.activeElement.innerText || ''"):
            return page.keyboard.press("Enter")
    pytest.fail(f"the Tab key does not reach {name!r} on {page.title()}")


def test_a_passkey_is_added_used_and_enough_with_the_keyboard_alone(eyes: Eyes, looks: Looks) -> None:
    eyes.site.manage("shell", "-c", PERSON.format(name="kim", password=PASSWORD, role="VIEWER"))
    page, console = eyes.page, f"https://localhost:{eyes.site.port}"
    devices = eyes.context.new_cdp_session(page)
    devices.send("WebAuthn.enable")
    device = devices.send("WebAuthn.addVirtualAuthenticator", {"options": VIRTUAL | {"automaticPresenceSimulation": True}})
    eyes.go(console + PAGE)
    expect(page.get_by_role("button", name="Use a passkey")).to_be_visible()
    password(page, "kim")
    press(page, "Add a passkey")
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Create the passkey")).to_be_visible()
    looks.at("passkey new")
    press(page, "Create the passkey")
    expect(page.get_by_role("heading", name="Your recovery codes")).to_be_visible()
    eyes.go(f"{console}{PAGE}passkey/")
    press(page, "Create the passkey")
    expect(page.get_by_role("alert")).to_contain_text("has a passkey for this account already")
    looks.at("passkey again")
    page.get_by_role("button", name="Sign out kim").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    press(page, "Use a passkey")
    expect(page).to_have_title("Overview · Trust zone console")
    eyes.go(f"{console}{PAGE}recovery-codes/")
    press(page, "Use a passkey")
    expect(page.get_by_role("heading", name="Confirm with a passkey")).to_be_visible()
    looks.at("passkey confirms")
    press(page, "Use a passkey")
    expect(page.get_by_role("heading", name="Make new recovery codes?")).to_be_visible()
    page.get_by_role("button", name="Sign out kim").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    password(page, "kim")
    expect(page.get_by_role("heading", name="Second factor")).to_be_visible()
    looks.at("second step passkey")
    press(page, "Use a passkey")
    expect(page).to_have_title("Overview · Trust zone console")
    credentials = devices.send("WebAuthn.getCredentials", {"authenticatorId": device["authenticatorId"]})["credentials"]
    assert [credential["rpId"] for credential in credentials] == ["localhost"], json.dumps(credentials)
    devices.send("WebAuthn.clearCredentials", {"authenticatorId": device["authenticatorId"]})
    page.get_by_role("button", name="Sign out kim").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    press(page, "Use a passkey")
    expect(page.get_by_role("alert")).to_contain_text("No passkey was used")
    looks.at("sign in without passkey")
    eyes.go(PAGE.replace("second-factors/", ""))  # by the IP address
    expect(page.get_by_role("button", name="Use a passkey")).to_have_count(0)
