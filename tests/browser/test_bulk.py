"""Many rows at once, by keyboard alone at the width of a phone: choose, look at the preview, confirm, and read the results."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import NARROW, Eyes
from tests.browser.test_looks import looked_at
from tests.browser.test_walk import Keyboard


@pytest.mark.parametrize("eyes", [NARROW], indirect=True)
def test_nodes_are_decommissioned_together_by_keyboard(eyes: Eyes) -> None:
    page = eyes.sign_in()
    for name in ("together1", "together2", "together3"):
        status, _ = eyes.site.call("POST", "/nodes/", {"name": name, "host_name": f"{name}.example", "address": eyes.site.address(98)})
        assert status == 201
    eyes.go("/nodes/?search=together")
    keyboard, bar = Keyboard(page), page.locator("#selection")
    expect(bar).to_be_hidden()
    keyboard.to("Select all rows on this page")
    page.keyboard.press("Space")
    expect(bar.get_by_role("status")).to_have_text("3 selected")
    keyboard.to("Select together3")
    page.keyboard.press("Space")
    expect(bar.get_by_role("status")).to_have_text("2 selected")
    found = looked_at(eyes, "nodes chosen")
    page.set_viewport_size(NARROW)
    keyboard.press("Decommission")
    expect(page).to_have_title("Decommission 2 nodes · Trust zone console")
    found += looked_at(eyes, "bulk preview")
    page.set_viewport_size(NARROW)
    keyboard.write("Type 2 to confirm", "3")
    keyboard.press("Decommission 2 nodes")
    expect(page.locator("#id_typed_error")).to_have_text("Type 2, the number of rows above.")
    keyboard.write("Type 2 to confirm", "2")
    keyboard.press("Decommission 2 nodes")
    expect(page.get_by_text("2 of 2 rows: 2 done.")).to_be_visible()
    expect(page.get_by_text("finished", exact=True)).to_be_visible()
    found += looked_at(eyes, "bulk work")
    assert found == []
    page.get_by_role("link", name="together1").click()
    expect(page).to_have_title(re.compile("together1"))
    eyes.go("/nodes/?search=together")
    page.get_by_label("Select together3").check()
    page.get_by_role("button", name="Decommission…").click()
    page.get_by_label("Type 1 to confirm").fill("1")
    page.get_by_role("button", name="Decommission 1 node").click()
    expect(page.get_by_text("1 of 1 row: 1 done.")).to_be_visible()


def test_a_view_is_saved_and_removed_and_columns_are_ordered_by_keyboard(eyes: Eyes) -> None:
    page = eyes.sign_in()
    keyboard, views = Keyboard(page), page.get_by_role("navigation", name="Views")
    eyes.go("/nodes/")
    expect(views.get_by_role("link", name=re.compile(r"^All \d+$"))).to_have_attribute("aria-current", "true")  # its number was loaded
    page.get_by_label("State").select_option("failed")
    expect(views.get_by_role("link", name=re.compile("^Failed"))).to_have_attribute("aria-current", "true")
    keyboard.write("Search", "fails")
    expect(page).to_have_url(re.compile("search=fails"))
    expect(views.get_by_role("link", name="Save this view")).to_have_attribute("href", re.compile("fails"))
    keyboard.press("Save this view")
    expect(page).to_have_title("Save this view · Trust zone console")
    keyboard.write("Name", "what fails")
    keyboard.press("Save")
    expect(views.get_by_role("link", name=re.compile("^what fails"))).to_have_attribute("aria-current", "true")
    keyboard.press("Change this view")
    expect(page).to_have_title("View: what fails · Trust zone console")
    keyboard.press("Remove this view")
    expect(page).to_have_title("Nodes · Trust zone console")
    expect(views.get_by_role("link", name=re.compile("^what fails"))).to_have_count(0)
    eyes.go("/account/lists/nodes/columns/")
    keyboard.press("Move Address up")
    expect(page.get_by_role("checkbox").nth(2)).to_have_value("address")
    keyboard.press("Save")
    expect(page.get_by_role("columnheader").nth(3)).to_have_text("Address")
    eyes.go("/account/lists/nodes/columns/")
    keyboard.press("Show all")
    expect(page.get_by_role("columnheader").nth(3)).to_contain_text("Last call")
