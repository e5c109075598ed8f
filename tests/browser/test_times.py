"""Times in the reader's time zone, and relative times that go on counting."""

from datetime import timedelta

from playwright.sync_api import expect

from pki.core import clocks
from tests.browser.conftest import Eyes
from tests.web.test_times import LENGTHS

WRITE = """(elements) => {
  document.getElementById("main").innerHTML = elements;
  document.dispatchEvent(new CustomEvent("htmx:afterSettle", {detail: {}}));
  return [...document.querySelectorAll("#main time")].map((time) => time.textContent);
}"""


def test_times_are_shown_in_the_time_zone_of_the_reader(eyes: Eyes) -> None:
    page = eyes.sign_in()
    eyes.page.context.new_cdp_session(page).send("Emulation.setTimezoneOverride", {"timezoneId": "Asia/Tokyo"})
    page.reload()
    forms = ("moment", "day")
    elements = "".join(f'<time datetime="2026-11-29T18:05:09+00:00" data-form="{form}">UTC</time>' for form in forms)
    assert page.evaluate(WRITE, elements) == ["30 Nov 2026, 03:05", "30 Nov 2026"]


FORMS = {
    "iso": ["2026-11-29 00:05", "2026-11-29"],
    "dots": ["29.11.2026, 00:05", "29.11.2026"],
    "month_first": ["Nov 29, 2026, 12:05 AM", "Nov 29, 2026"],
    "words": ["29 Nov 2026, 00:05", "29 Nov 2026"],
}


def test_a_person_chooses_time_zone_form_and_theme(eyes: Eyes) -> None:
    page = eyes.sign_in()
    elements = "".join(f'<time datetime="2026-11-28T11:05:09+00:00" data-form="{form}">UTC</time>' for form in ("moment", "day"))
    for date_form, shown in FORMS.items():
        eyes.go("/account/appearance/")
        page.get_by_label("Time zone").fill("Pacific/Auckland")
        page.get_by_label("Days and times").select_option(date_form)
        page.get_by_label("Theme").select_option("dark")
        page.get_by_role("button", name="Save").click()
        page.wait_for_url("**/account/?shown")
        expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")
        assert page.evaluate(WRITE, elements) == shown
    button = page.get_by_role("button", name="Theme")
    for theme in ("auto", "light"):
        with page.expect_response("**/account/theme/"):
            button.click()
        expect(button).to_have_text(f"Theme: {theme}")
    page.reload()
    expect(page.locator("html")).to_have_attribute("data-bs-theme", "light")
    eyes.go("/account/appearance/")
    page.get_by_label("Time zone").fill("")
    page.get_by_label("Theme").select_option("auto")
    page.get_by_role("button", name="Save").click()
    page.wait_for_url("**/account/?shown")


def test_lengths_have_the_same_words_in_the_browser(eyes: Eyes) -> None:
    page = eyes.sign_in()
    lengths = [abs(seconds) for seconds, _ in LENGTHS]
    # Half a second more: the browser counts down from the moment it has seen the element.
    elements = "".join(
        f'<time datetime="2026-11-29T18:05:09Z" data-form="left" data-seconds="{int(seconds) + 0.4}"></time>' for seconds in lengths
    )
    assert page.evaluate(WRITE, elements) == [clocks.length(timedelta(seconds=int(seconds))) for seconds in lengths]
