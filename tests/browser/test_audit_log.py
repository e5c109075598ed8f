"""Who did something is found with the keyboard alone: open the log, filter, unfold, follow to an object and back."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import NARROW, Eyes, Furnished
from tests.browser.test_alerts import WIDTHS, titled
from tests.browser.test_looks import looked_at
from tests.browser.test_walk import Keyboard


def open_log(eyes: Eyes, keyboard: Keyboard) -> None:
    if eyes.page.viewport_size == NARROW:
        keyboard.press("Menu")
    keyboard.press("Audit log")
    titled(eyes, "Audit log")


@pytest.mark.parametrize("eyes", WIDTHS, indirect=True)
def test_who_did_something_is_found_by_keyboard(eyes: Eyes, furnished: Furnished) -> None:
    page, keyboard = eyes.sign_in(), Keyboard(eyes.page)
    open_log(eyes, keyboard)
    keyboard.write("Object", "alpha")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("target=alpha"))
    expect(page.locator(".events tbody tr").last).to_contain_text("Created")
    expect(page.locator("#id_time_zone")).not_to_have_value("")
    keyboard.press("Details")
    facts = page.locator(".unfolded").first
    expect(facts).to_contain_text("Digest")
    expect(facts).to_contain_text("node.transition")
    keyboard.press("All events of alpha")
    titled(eyes, "History of alpha")
    keyboard.press("Back to alpha")
    titled(eyes, "alpha")
    keyboard.press("History")
    titled(eyes, "History of alpha")
    keyboard.press("Clear the filters")
    titled(eyes, "Audit log")


def test_names_are_suggested_and_times_are_those_of_the_reader(eyes: Eyes, furnished: Furnished) -> None:
    eyes.sign_in()
    page = eyes.go("/audit/")
    page.locator("#id_actor").press_sequentially("adm")
    expect(page.locator("#actor-options option")).to_have_count(1)
    expect(page.locator("#actor-options option")).to_have_attribute("value", "admin")
    page.locator("#id_actor").fill("admin")
    page.locator("#id_since").fill("2020-01-01T10:30")
    page.locator("#id_until").fill("2021-01-01T10:30")
    expect(page.locator("#results")).to_contain_text("No events match.")
    expect(page).to_have_url(re.compile(r"time_zone=\w+.*since=2020-01-01T10%3A30"))
    page.locator("#id_until").fill("")
    expect(page.locator(".events")).to_contain_text("Signed in with password")


def test_what_unfolds_is_accessible(eyes: Eyes, furnished: Furnished) -> None:
    eyes.sign_in()
    page = eyes.go(f"/audit/?target={furnished.registered}")
    page.locator("summary").first.press("Enter")
    expect(page.locator(".unfolded dl")).to_be_visible()
    found = looked_at(eyes, "audit log unfolded")
    page.locator(".unfolded").get_by_role("link", name="Page of this event").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Event ")
    assert found + looked_at(eyes, "audit log event") == []
