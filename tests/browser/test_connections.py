"""A connection is made, found, changed and deleted by keyboard only, at the width of a phone."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import NARROW, Eyes
from tests.browser.test_walk import Keyboard


@pytest.mark.parametrize("eyes", [NARROW], indirect=True)
def test_a_connection_is_managed_by_keyboard(eyes: Eyes) -> None:
    page = eyes.sign_in()
    keyboard = Keyboard(page)
    keyboard.press("Menu")
    keyboard.press("Connections")
    expect(page).to_have_title("Connections · Trust zone console")
    keyboard.press("New connection")
    expect(page).to_have_title("New connection · Trust zone console")
    keyboard.write("Name", "Ledger")
    keyboard.to("Type")
    page.keyboard.type("oracle")
    keyboard.write("Connection string", "db.example:1521/ledger;pwd=typed-here")
    keyboard.write("Password", "typed-here")
    keyboard.press("Create")
    expect(page.locator("#id_connection_string_error")).to_contain_text("enter it in the password field")
    expect(page.locator("#id_name")).to_have_value("Ledger")
    expect(page.locator("#id_type")).to_have_value("oracle")
    expect(page.locator("#id_password")).to_have_value("")
    keyboard.write("Connection string", "db.example:1521/ledger")
    keyboard.write("Password", "typed-here")
    keyboard.press("Create")
    expect(page.get_by_role("status")).to_contain_text("Saved.")
    expect(page.get_by_text("It is set, database key version 1")).to_be_visible()
    assert "typed-here" not in page.content()
    keyboard.to("Clear the password")
    page.keyboard.press("Space")
    keyboard.press("Save")
    expect(page.get_by_text("It is not set")).to_be_visible()
    keyboard.press("Back to the list")
    expect(page).to_have_title("Connections · Trust zone console")
    keyboard.write("Search", "ledg")
    expect(page).to_have_url(re.compile("search=ledg&"))
    expect(page.get_by_role("status")).to_have_text("1 connection")
    keyboard.press("Ledger")
    expect(page).to_have_title("Ledger · Trust zone console")
    keyboard.press("Delete")
    expect(page).to_have_title("Delete Ledger · Trust zone console")
    keyboard.press("Delete connection")
    expect(page).to_have_title("Connections · Trust zone console")
    page.wait_for_load_state()
    expect(page.get_by_role("link", name="Ledger")).to_have_count(0)
