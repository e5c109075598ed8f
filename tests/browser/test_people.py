"""People and tokens are managed by keyboard only, and a person with the role Viewer sees a useful console."""

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import NARROW, WIDE, Eyes, Furnished
from tests.browser.test_looks import looked_at
from tests.browser.test_walk import Keyboard
from tests.slow import takes_minutes

PASSWORD = "a long password of mia"


@pytest.mark.parametrize("eyes", [pytest.param(NARROW, id="390"), pytest.param(WIDE, id="1440", marks=takes_minutes)], indirect=True)
def test_a_person_and_a_token_are_made_and_ended_by_keyboard(eyes: Eyes, furnished: Furnished) -> None:
    page = eyes.sign_in()
    keyboard, name = Keyboard(page), f"mia{page.viewport_size['width']}"  # type: ignore[index]
    if page.viewport_size == NARROW:
        keyboard.press("Menu")
    keyboard.press("People")
    expect(page).to_have_title("People · Trust zone console")
    keyboard.press("Add person")
    expect(page).to_have_title("Add person · Trust zone console")
    keyboard.write("User name", name)
    keyboard.to("Viewer")
    page.keyboard.press("Space")
    keyboard.press("Add person")
    link = eyes.shown("#link-text")
    keyboard.press(f"Go to {name}")
    expect(page).to_have_title(f"{name} · Trust zone console")
    assert_viewer(eyes, name, link)
    page.bring_to_front()
    page.reload()
    keyboard.press("Back to the people")
    expect(page).to_have_title("People · Trust zone console")
    keyboard.press("Tokens")
    expect(page).to_have_title("Tokens · Trust zone console")
    keyboard.press("Make token")
    expect(page).to_have_title("New token · Trust zone console")
    keyboard.write("Name", f"report of {name}")
    keyboard.press("Make token")
    assert eyes.shown("#token-text").startswith("qmc_")
    keyboard.press("Go to the token")
    expect(page.get_by_role("heading", name="What it may do")).to_be_visible()
    keyboard.press("Revoke")
    expect(page.get_by_role("heading", name=f"Revoke report of {name}?")).to_be_visible()
    keyboard.press("Revoke token")
    expect(page.get_by_text("revoked").first).to_be_visible()
    eyes.go("/people/")
    keyboard.write("Search", name)
    expect(page.get_by_role("status")).to_have_text("1 person")
    keyboard.press(name)
    expect(page).to_have_title(f"{name} · Trust zone console")
    keyboard.press("Deactivate")
    expect(page).to_have_title(f"Deactivate {name} · Trust zone console")
    keyboard.press("Deactivate")
    expect(page.get_by_role("status")).to_contain_text("Deactivated.")


def assert_viewer(eyes: Eyes, name: str, link: str) -> None:
    """The new person sets a password, signs in, and sees states, no reasons, and nothing that would be refused."""
    context = eyes.page.context.browser.new_context(viewport=eyes.page.viewport_size, locale="en-GB", reduced_motion="reduce")  # type: ignore[union-attr]
    viewer = Eyes(context, eyes.site)
    page, keyboard = viewer.go(link), Keyboard(viewer.page)
    keyboard.write("New password", PASSWORD)
    keyboard.write("The same password again", PASSWORD)
    keyboard.press("Set password")
    expect(page.get_by_label("Username")).to_be_visible()
    keyboard.write("Username", name)
    keyboard.write("Password", PASSWORD)
    keyboard.press("Sign in")
    expect(page).to_have_title("Overview · Trust zone console")
    expect(page.get_by_text("A registration failed")).to_be_visible()
    assert looked_at(viewer, f"viewer-overview-{name}") == []
    menu = page.locator("nav[aria-label=Rooms] a").all_text_contents()
    assert {text.split()[0] for text in menu} == {
        "Overview", "Nodes", "Certificates", "Browser", "Expiry", "App", "Jobs", "Tokens", "Settings", "Help",
    }  # fmt: skip
    for path in ("/nodes/", "/expiry/", "/settings/lifetime/", "/people/"):
        viewer.go(path)
        assert looked_at(viewer, f"viewer-{path.strip('/').replace('/', '-')}-{name}") == []
    expect(page.get_by_role("heading", name="You may not do this")).to_be_visible()
    expect(page.get_by_text("It needs the role AuditAdmin or RootAdmin.")).to_be_visible()
    context.close()
