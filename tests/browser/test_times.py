"""Times in the reader's time zone, and relative times that go on counting."""

from datetime import timedelta

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
    forms = ("moment", "day")
    elements = "".join(f'<time datetime="2026-11-29T18:05:09+00:00" data-form="{form}">UTC</time>' for form in forms)
    assert page.evaluate(WRITE, elements) == ["30 Nov 2026, 03:05", "30 Nov 2026"]


def test_lengths_have_the_same_words_in_the_browser(eyes: Eyes) -> None:
    page = eyes.sign_in()
    lengths = [abs(seconds) for seconds, _ in LENGTHS]
    # Half a second more: the browser counts down from the moment it has seen the element.
    elements = "".join(
        f'<time datetime="2026-11-29T18:05:09Z" data-form="left" data-seconds="{int(seconds) + 0.4}"></time>' for seconds in lengths
    )
    assert page.evaluate(WRITE, elements) == [clocks.length(timedelta(seconds=int(seconds))) for seconds in lengths]
