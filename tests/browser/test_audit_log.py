"""Who did something is found with the keyboard alone: open the log, filter, unfold, follow to an object and back."""

import re
import subprocess
import sys

import pytest
from playwright.sync_api import expect

from sitekit.site import ROOT
from tests.browser.conftest import NARROW, Eyes, Furnished
from tests.browser.test_alerts import WIDTHS, titled
from tests.browser.test_looks import looked_at
from tests.browser.test_walk import Keyboard


def open_log(eyes: Eyes, keyboard: Keyboard) -> None:
    if eyes.page.viewport_size == NARROW:
        keyboard.press("Menu")
    keyboard.press("Audit log")
    titled(eyes, "Audit log")


# The real file of the first checkpoint, whose events no other test needs. The worker of the site writes it.
FIRST_FILE = """
from datetime import timedelta
from django.utils import timezone
from audit.actors import SYSTEM
from audit.retention import services
services.KEPT, services.MOST_IN_SEGMENT, services.MOST_SEGMENTS, now = timedelta(days=-2), 1, 1, timezone.now()
services.segments_close(actor=SYSTEM, before=now + timedelta(days=1), now=now)
"""
TAKEN = """
from audit.models import SyslogReceiver
SyslogReceiver.objects.update(sequence={})
"""


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
    export(eyes, keyboard)


def export(eyes: Eyes, keyboard: Keyboard) -> None:
    """The range verifies, and the log has the export."""
    page = eyes.page
    keyboard.press("Export")
    titled(eyes, "Export the audit log")
    keyboard.to("Export the range")
    with page.expect_download() as begun:
        page.keyboard.press("Enter")
    with page.expect_download() as key:
        page.get_by_role("link", name="public key").click()
    command = [sys.executable, "-m", "audit.verify", str(begun.value.path()), "--public-key", str(key.value.path())]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stdout + done.stderr
    keyboard.press("Back to the audit log")
    expect(page.locator(".events tbody tr").first).to_contain_text("exported with their checkpoints")


def test_names_are_suggested_and_times_are_those_of_the_reader(eyes: Eyes, furnished: Furnished) -> None:
    eyes.sign_in()
    page = eyes.go("/audit/")
    page.locator("#id_actor").press_sequentially("adm")
    expect(page.locator("#actor-options option").first).to_have_attribute("value", "admin")
    expect(page.locator("#actor-options option[value='token tests']")).to_have_count(0)
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


@pytest.mark.parametrize("eyes", WIDTHS[:1], indirect=True)
def test_old_events_are_removed_by_keyboard(eyes: Eyes, furnished: Furnished) -> None:
    eyes.site.manage("shell", "-c", FIRST_FILE)
    page, keyboard = eyes.sign_in(), Keyboard(eyes.page)
    open_log(eyes, keyboard)
    keyboard.press("Old events")
    titled(eyes, "Old events")
    keyboard.press("Write to files")
    page.locator("#id_before").fill("2099-01-01")
    keyboard.press("Show what will happen")
    expect(page.get_by_role("alert")).to_contain_text("Events of the last 30 days stay in the database")
    found = looked_at(eyes, "old events refused")
    keyboard.press("Cancel")
    results = page.locator("#results")
    expect(results).to_contain_text("written and verified", timeout=60_000)
    found += looked_at(eyes, "old events")
    keyboard.press("Remove")
    page.get_by_label("Password").fill(eyes.password())
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("The syslog receiver Log archive has taken the events up to 0 only")
    found += looked_at(eyes, "old events needed")
    eyes.site.manage("shell", "-c", TAKEN.format(1_000_000))
    page.reload()
    keyboard.write("Reason", "Kept for 2 years by our policy.")
    keyboard.press("Remove")
    expect(page.get_by_role("alert")).to_contain_text("Nothing was removed.")
    found += looked_at(eyes, "old events remove")
    keyboard.to("The file is copied")
    page.keyboard.press("Space")
    keyboard.press("Remove")
    titled(eyes, "Old events")
    page.evaluate("window.walked = true")
    # No event of this site is old enough for its worker. tests/audit/retention removes events.
    expect(results).to_contain_text("stay in the database", timeout=60_000)
    assert page.evaluate("window.walked"), "the page was loaded again"
    eyes.site.manage("shell", "-c", TAKEN.format(0))
    found += looked_at(eyes, "old events wait")
    assert found == []
