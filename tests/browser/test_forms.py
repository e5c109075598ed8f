"""Forms: input survives a sign-in in the middle, a double click is one request, and the invalid field gets the focus."""

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import WIDE, Eyes


def fill(eyes: Eyes, name: str) -> None:
    page = eyes.page
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_label("Host name").fill(f"{name}.example")
    page.get_by_label("Address", exact=False).first.fill("127.0.0.250")
    page.get_by_label("Engine").check()


def session_ends(eyes: Eyes) -> None:
    """Delete the session's cookie, which is hidden from scripts, as if the session had expired."""
    for cookie in eyes.context.cookies():
        if cookie.get("httpOnly"):
            eyes.context.clear_cookies(name=cookie.get("name"))


def sign_in_again(eyes: Eyes) -> None:
    page = eyes.page
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    page.get_by_label("Username").fill("admin")
    page.get_by_label("Password").fill(eyes.password())
    page.get_by_role("button", name="Sign in", exact=True).click()


@pytest.mark.parametrize("button", ["Register", "Run checks"])
def test_input_survives_a_sign_in(eyes: Eyes, button: str) -> None:
    page = eyes.sign_in()
    eyes.go("/nodes/register/")
    fill(eyes, "typed")
    session_ends(eyes)
    page.get_by_role("button", name=button).click()
    sign_in_again(eyes)
    expect(page).to_have_title("Register node · Trust zone console")
    expect(page.get_by_label("Host name")).to_have_value("typed.example")
    expect(page.get_by_label("Engine")).to_be_checked()
    expect(page.get_by_role("status").filter(has_text="What you typed was kept")).to_be_visible()
    eyes.go("/")
    eyes.go("/nodes/register/")
    expect(page.get_by_label("Host name")).to_have_value("")


def test_a_secret_is_never_stored(eyes: Eyes) -> None:
    page = eyes.sign_in()
    eyes.go("/connections/new/")
    page.get_by_label("Name", exact=True).fill("Kept")
    page.get_by_label("Password", exact=False).fill("never-kept-anywhere")
    session_ends(eyes)
    page.get_by_role("button", name="Create").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    kept = page.evaluate("sessionStorage.getItem('typed')")
    assert "Kept" in kept
    assert "never-kept-anywhere" not in kept
    sign_in_again(eyes)
    expect(page.get_by_label("Name", exact=True)).to_have_value("Kept")


@pytest.mark.parametrize("eyes", [WIDE], indirect=True)
def test_the_first_invalid_field_has_the_focus(eyes: Eyes) -> None:
    page = eyes.sign_in()
    eyes.go("/recreate-root/")
    page.get_by_role("button", name="Recreate the root").click()
    expect(page.locator("[aria-invalid=true]").first).to_be_focused()
    expect(page.locator("[aria-invalid=true]").first).to_be_in_viewport()
