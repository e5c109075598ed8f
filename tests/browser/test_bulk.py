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
