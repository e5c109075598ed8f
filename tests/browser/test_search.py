"""Anything is found with the keyboard alone, from every page, and the way back is above the title."""

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Eyes, Furnished
from tests.browser.test_alerts import WIDTHS, titled
from tests.browser.test_looks import AXE, RUN


@pytest.mark.parametrize("eyes", WIDTHS, indirect=True)
def test_a_node_is_found_by_the_serial_number_of_its_certificate(eyes: Eyes, furnished: Furnished) -> None:
    page = eyes.sign_in()
    serial = eyes.site.call("GET", f"/certificates/{furnished.certificate}/")[1]["serial"]
    page.locator("main").focus()
    page.keyboard.press("/")
    page.keyboard.type(serial[:14])
    chosen = page.get_by_role("option", selected=True)
    expect(chosen).to_contain_text("alpha")
    expect(page.get_by_role("combobox")).to_have_attribute("aria-activedescendant", str(chosen.get_attribute("id")))
    page.evaluate(AXE)
    assert page.evaluate(RUN) == []
    eyes.picture("search")
    page.keyboard.press("Enter")
    expect(page).to_have_url(eyes.url(f"/certificates/{furnished.certificate}/"))
    page.keyboard.press("Control+K")
    page.keyboard.type("alp")
    expect(page.get_by_role("option", selected=True)).to_contain_text("alpha")
    page.keyboard.press("Enter")
    titled(eyes, "alpha")
    eyes.go(f"/nodes/{furnished.registered}/renew/")
    above = page.get_by_role("navigation", name="Breadcrumbs").get_by_role("link")
    expect(above).to_have_text(["Nodes", "alpha"])
    above.last.press("Enter")
    titled(eyes, "alpha")


def test_single_keys_open_pages_except_while_typing_and_can_be_switched_off(eyes: Eyes, furnished: Furnished) -> None:
    page = eyes.sign_in()
    page.keyboard.type("gn")
    titled(eyes, "Nodes")
    page.get_by_label("Search", exact=True).focus()
    page.keyboard.type("ga?/")
    expect(page.get_by_label("Search", exact=True)).to_have_value("ga?/")
    page.locator("main").focus()
    page.keyboard.press("?")
    titled(eyes, "Keyboard shortcuts")
    page.get_by_label("Shortcuts of single keys").uncheck()
    page.locator("main").focus()
    page.keyboard.type("gn/")
    expect(page.get_by_role("dialog")).to_have_count(0)
    titled(eyes, "Keyboard shortcuts")
    page.keyboard.press("Control+K")
    expect(page.get_by_role("dialog")).to_be_visible()
