"""The expiry board and the preview of the lifetime, by mouse on a desktop and by keyboard only at the width of a phone."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import NARROW, Eyes, Furnished
from tests.browser.test_walk import Keyboard


def test_the_board_is_filtered_and_seen_from_another_day(eyes: Eyes, furnished: Furnished) -> None:
    eyes.sign_in()
    page = eyes.page
    page.get_by_role("link", name="Expiry").click()
    expect(page).to_have_title("Expiry · Trust zone console")
    expect(page.get_by_role("heading", level=1)).to_contain_text(re.compile("needs? your attention within 90 days: the password of"))
    expect(page.get_by_role("img", name="Expiry dates in the 60 months")).to_be_visible()
    count = page.get_by_role("status")
    page.evaluate("window.walked = true")
    page.get_by_label("Kind").select_option("registration_password")
    # Another test may have typed one of the passwords by now.
    waiting = sum(row["kind"] == "registration_password" for row in eyes.site.call("GET", "/expiry/")[1]["results"])
    expect(count).to_have_text(f"{waiting} expiry date{'s' if waiting > 1 else ''}")
    expect(page.locator("tbody tr", has_text="password of waits")).to_contain_text(
        f"Type it on that machine at http://{furnished.awaiting_address}"
    )
    page.get_by_label("Expires", exact=True).select_option("7_days")
    expect(page.locator("#totals [aria-current]")).to_contain_text("within 7 days")
    assert page.evaluate("window.walked"), "the page was loaded again"
    page.get_by_role("link", name="+5 years").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text(re.compile(r"Until \d+ \w+ \d{4}: \d+ automatic renewals or replacements"))
    expect(count).to_have_text("0 expiry dates")
    page.get_by_role("link", name="Clear the filters").click()
    expect(page.locator("tbody tr", has_text="password of waits")).to_contain_text("Expires before this day.")
    page.locator("tbody tr").get_by_role("link", name="-CA").first.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("-CA")


@pytest.mark.parametrize("eyes", [NARROW], indirect=True)
def test_a_day_is_chosen_and_a_lifetime_previewed_by_keyboard(eyes: Eyes) -> None:
    page = eyes.sign_in()
    hands = Keyboard(page)
    hands.press("Menu")
    hands.press("Expiry")
    expect(page).to_have_title("Expiry · Trust zone console")
    hands.press("+1 year")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Until")
    expect(page.get_by_role("link", name="+1 year")).to_have_attribute("aria-current", "true")
    hands.press("today")
    expect(page.get_by_role("heading", level=1)).not_to_contain_text("Until")
    hands.press("Menu")
    hands.press("Settings")
    expect(page).to_have_title("Settings · Trust zone console")
    hands.press("Lifetime")
    expect(page).to_have_title("Lifetime · Trust zone console")
    hands.write("Lifetime of new", "7")
    preview = page.locator("#preview")
    expect(preview).to_contain_text("7 would become 12")
    hands.write("Lifetime of new", "a few")
    expect(preview).to_contain_text("Give a whole number of months.")
    hands.write("Lifetime of new", "31")
    hands.press("Preview")
    expect(page.get_by_role("heading", name="New certificates with 31 months")).to_be_visible()
    expect(page.get_by_role("heading", level=1)).not_to_have_text("New certificates are valid for 31 months")
