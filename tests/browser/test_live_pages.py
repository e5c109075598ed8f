"""Pages that change by themselves: what a person holds, types, selects and unfolds stays, and what is lost comes back."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.template.loader import render_to_string
from django.test import RequestFactory
from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import LONG, Eyes, Furnished
from web.live import HEADER

HIDE = """hidden => { Object.defineProperty(document, "hidden", {value: hidden, configurable: true}); document.dispatchEvent(new Event("visibilitychange")); }"""
LINE = "#live-line"
HALF_A_MINUTE = re.compile("Updated (29|30) s ago")  # the line counts once a second


@contextmanager
def renamed(eyes: Eyes, path: str, name: str) -> Iterator[None]:
    """Another person gives the object another name; afterwards it has its own again."""
    before = eyes.site.call("GET", path)[1]["name"]
    try:
        assert eyes.site.call("PATCH", path, {"name": name})[0] == 200
        yield
    finally:
        assert eyes.site.call("PATCH", path, {"name": before})[0] == 200


def asked(page: Page) -> list[str]:
    """The addresses that the page asks for by itself, from now on."""
    found: list[str] = []
    page.on("request", lambda request: found.append(request.url) if HEADER.lower() in request.headers else None)
    return found


@pytest.fixture
def timed(eyes: Eyes) -> Eyes:
    """Signed in, with a clock of the browser that the test sets."""
    eyes.sign_in()
    eyes.page.clock.install()
    return eyes


def test_a_page_changes_by_itself_and_keeps_focus_selection_and_open_parts(timed: Eyes, furnished: Furnished) -> None:
    page = timed.go("/audit/")
    page.locator(".events summary").first.press("Enter")
    facts = page.locator(".unfolded").first
    expect(facts).to_contain_text("Digest")
    number = page.evaluate("document.activeElement.innerText")
    page.evaluate("getSelection().selectAllChildren(document.querySelector('h1'))")
    page.evaluate("window.same = true")
    with renamed(timed, f"/nodes/{furnished.created}/", "renamed-meanwhile"):
        page.clock.run_for(31_000)
        expect(page.locator(".events tbody tr").first).to_contain_text("renamed-meanwhile")
    assert page.evaluate("[document.activeElement.innerText, window.same, getSelection().toString()]") == [number, True, "Audit log"]
    expect(page.locator("details[open] .unfolded")).to_contain_text("Digest")
    assert page.locator(".events tbody tr").first.locator("details[open]").count() == 0  # the open row has moved down


def test_typed_text_stays_while_the_rest_changes_and_the_second_person_sees_both_values(timed: Eyes, furnished: Furnished) -> None:
    path = f"/alert-channels/{furnished.alerts['alert_mail']}/"
    page = timed.go(f"/alerts/channels/{furnished.alerts['alert_mail']}/")
    page.locator("#id_name").fill("half a new na")
    with renamed(timed, path, "Renamed by another person"):
        page.clock.run_for(16_000)
        expect(page.locator("h1")).to_contain_text("Renamed by another person")
        expect(page).to_have_title("Renamed by another person · Trust zone console")
        expect(page.locator("#id_name")).to_have_value("half a new na")
        expect(page.locator("#id_name")).to_be_focused()
        page.keyboard.press("Enter")
        both = page.get_by_role("row", name="Name")
        expect(both).to_contain_text("Renamed by another person")
        expect(both).to_contain_text("half a new na")
        expect(page.locator("#id_name")).to_have_value("half a new na")


def test_a_hidden_page_asks_nothing_and_a_page_without_a_person_asks_less(timed: Eyes, furnished: Furnished) -> None:
    page = timed.go("/nodes/")
    requests = asked(page)
    page.clock.run_for(61_000)
    expect(page.locator(LINE)).to_contain_text("Updated")
    often = len(requests)
    assert often >= 2
    page.evaluate(HIDE, True)
    page.clock.run_for(300_000)
    assert len(requests) == often
    page.evaluate(HIDE, False)
    page.clock.run_for(100)
    expect(page.locator(LINE)).to_contain_text("just now")
    assert len(requests) == often + 1


def test_a_page_at_which_nobody_acts_asks_four_times_less_often(timed: Eyes) -> None:
    page = timed.go("/nodes/")
    page.clock.pause_at(datetime.now(UTC) + timedelta(minutes=1))  # from now on, time is what the test says
    expect(page.locator(LINE)).to_contain_text("just now")
    page.keyboard.press("Shift")
    for _ in range(8):  # two minutes
        page.clock.run_for(15_100)
        expect(page.locator(LINE)).to_contain_text("just now")
    page.clock.run_for(30_000)
    expect(page.locator(LINE)).to_contain_text(HALF_A_MINUTE)
    page.clock.run_for(31_000)
    expect(page.locator(LINE)).to_contain_text("just now")
    page.clock.run_for(30_000)
    expect(page.locator(LINE)).to_contain_text(HALF_A_MINUTE)
    page.keyboard.press("Shift")
    page.clock.run_for(100)
    expect(page.locator(LINE)).to_contain_text("just now")


def test_a_page_that_the_database_could_not_give_asks_again_and_opens(timed: Eyes, furnished: Furnished) -> None:
    path, answers = "/connections/", [0, 0]
    words = {"what": "The database does not answer.", "remedy": "Start it.", "request_id": ""}
    body = render_to_string("database.html", words, request=RequestFactory().get(path))

    def away(route: Route) -> None:
        """The database is away for the page and for the first time that it asks again."""
        if answers:
            answers.pop()
            route.fulfill(status=503, content_type="text/html", body=body)
        else:
            route.continue_()

    timed.page.route(timed.url(path), away)
    page = timed.go(path)
    expect(page.locator("h1")).to_have_text("The database cannot be used now")
    with page.expect_response(timed.url(path)):
        page.clock.run_for(2100)
    page.clock.run_for(4100)
    expect(page.locator("h1")).to_have_text("Connections")
    assert page.url == timed.url(path)
    timed.heard.troubles.clear()  # the 503


def test_a_lost_connection_is_said_and_comes_back(timed: Eyes, furnished: Furnished) -> None:
    page = timed.go(f"/nodes/{furnished.created}/")
    expect(page.locator(LINE)).to_contain_text("Updated")
    timed.context.set_offline(True)
    expect(page.locator(LINE)).to_contain_text("Connection lost, trying again")
    with renamed(timed, f"/nodes/{furnished.created}/", "renamed-while-away"):
        timed.context.set_offline(False)
        expect(page.locator(LINE)).not_to_contain_text("Connection lost")
        expect(page.locator("h1")).to_contain_text("renamed-while-away")
    page.clock.run_for(16_000)
    expect(page.locator("h1")).to_contain_text(LONG)


def test_a_page_without_its_object_says_so(timed: Eyes) -> None:
    fields: dict[str, Any] = {"name": "Short-lived", "type": "folder", "connection_string": "/srv"}
    pk = timed.site.call("POST", "/connections/", fields)[1]["id"]
    page = timed.go(f"/connections/{pk}/")
    assert timed.site.call("DELETE", f"/connections/{pk}/")[0] == 204
    page.clock.run_for(31_000)
    expect(page.locator(LINE)).to_contain_text("This no longer exists.")
    timed.heard.troubles.clear()  # the 404
