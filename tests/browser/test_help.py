"""The help by keyboard alone: a search, a document, and a word that explains itself."""

from playwright.sync_api import expect

from tests.browser.conftest import Eyes


def test_the_documents_are_found_and_read_by_keyboard_alone(eyes: Eyes) -> None:
    page = eyes.sign_in()
    eyes.go("/help/")
    page.get_by_role("searchbox").focus()
    page.keyboard.type("recovery codes")
    first = page.locator("#found a").first
    expect(first).to_have_text("Daily work › Second factors")
    first.focus()
    page.keyboard.press("Enter")
    expect(page).to_have_title("Daily work · Help · Trust zone console")
    expect(page.locator("#second-factors")).to_be_in_viewport()
    button = page.get_by_role("button", name="Copy").first
    button.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#announce")).not_to_be_empty()


def test_a_word_explains_itself_on_focus_hover_and_click(eyes: Eyes) -> None:
    page = eyes.sign_in()
    eyes.go("/certificates/")
    word = page.get_by_role("button", name="trust zone", exact=True)
    meaning = page.locator("#term-trust-zone")
    expect(word).to_have_accessible_description("Trust zone. A root certificate and everything that trusts it. Each site has one. Glossary")
    page.locator("#main").focus()
    page.keyboard.press("Tab")
    expect(word).to_be_focused()
    expect(meaning).to_be_visible()
    page.keyboard.press("Tab")
    expect(meaning.get_by_role("link", name="Glossary")).to_be_focused()
    page.keyboard.press("Escape")
    expect(meaning).to_be_hidden()
    expect(word).to_be_focused()
    page.keyboard.press("Tab")
    word.hover()
    expect(meaning).to_be_visible()
    page.get_by_role("heading", level=1).hover()
    expect(meaning).to_be_hidden()
    word.click()
    expect(meaning).to_be_visible()
    meaning.get_by_role("link", name="Glossary").click()
    expect(page).to_have_title("Glossary · Help · Trust zone console")
    expect(page.locator("#trust-zone")).to_be_in_viewport()
