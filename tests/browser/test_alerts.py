"""A channel is added and tested, an alert acknowledged, a route changed and previewed: with the keyboard alone, at both widths."""

import re
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import NARROW, WIDE, Eyes, Furnished
from tests.browser.test_looks import looked_at
from tests.browser.test_walk import Keyboard
from tests.receivers import MailReceiver, mail_receiver
from tests.slow import takes_minutes

WIDTHS: list[Any] = [pytest.param(NARROW, id="narrow"), pytest.param(WIDE, id="wide", marks=takes_minutes)]


def titled(eyes: Eyes, title: str) -> None:
    expect(eyes.page).to_have_title(f"{title} · Trust zone console")


def open_alerts(eyes: Eyes) -> None:
    keyboard = Keyboard(eyes.page)
    if (eyes.page.viewport_size or WIDE)["width"] == NARROW["width"]:
        keyboard.press("Menu")
    keyboard.press("Alerts")
    titled(eyes, "Alerts")


def add_and_test_a_channel(eyes: Eyes, name: str) -> None:
    page, keyboard, receiver = eyes.page, Keyboard(eyes.page), MailReceiver()
    with mail_receiver(receiver) as port:
        keyboard.press("Add channel")
        titled(eyes, "New channel")
        keyboard.press("Mail")
        titled(eyes, "New channel: Mail")
        keyboard.write("Name", name)
        keyboard.write("Recipients", "ops@site.example")
        keyboard.write("Sender", "alerts@site.example")
        keyboard.write("Mail server", "127.0.0.1")
        keyboard.write("Port", "99999")
        keyboard.to("Encryption")
        page.keyboard.type("None")
        keyboard.press("Create")
        expect(page.locator("#id_port_error")).to_contain_text("Enter a port from 1 to 65535.")
        expect(page.locator("#id_recipients")).to_have_value("ops@site.example")
        keyboard.write("Port", str(port))
        keyboard.press("Create")
        expect(page.get_by_role("status").first).to_contain_text("Saved.")
        keyboard.press("Send test message")
        expect(page.get_by_role("heading", level=1)).to_have_text(f"Test message to {name}")
        expect(page.locator("#delivery")).to_contain_text(f"{name} has accepted the message.", timeout=60_000)
        expect(page.locator("#announce")).to_contain_text(f"{name} has accepted the message.")
    assert [envelope.rcpt_tos for envelope in receiver.received if b"Test message: nothing is wrong" in (envelope.content or b"")] == [
        ["ops@site.example"]
    ]


def acknowledge_an_alert(eyes: Eyes) -> None:
    page, keyboard = eyes.page, Keyboard(eyes.page)
    title = page.locator(".need .strong").first.inner_text()
    keyboard.press("Acknowledge")
    titled(eyes, title)
    keyboard.to("Send no reminder for")
    page.keyboard.type("7 d")
    keyboard.write("Note", "The new disk arrives tomorrow.")
    keyboard.press("Acknowledge")
    expect(page.get_by_role("status").first).to_contain_text("Acknowledged.")
    expect(page.locator(".history")).to_contain_text("The new disk arrives tomorrow.")
    open_alerts(eyes)
    expect(page.locator(".needs")).not_to_contain_text(title)
    keyboard.press("Acknowledged")
    expect(page.locator(".needs")).to_contain_text(title)


def add_and_change_a_route(eyes: Eyes, name: str) -> None:
    page, keyboard = eyes.page, Keyboard(eyes.page)
    keyboard.press("Routes")
    titled(eyes, "Routes")
    keyboard.press("New route")
    titled(eyes, "New route")
    keyboard.to("Channel")
    page.keyboard.type(name)
    keyboard.to("Which alerts")
    page.keyboard.type("Critical")
    keyboard.to("Saturday")
    page.keyboard.press("Space")
    keyboard.to("From")
    page.keyboard.type("1000PM")
    keyboard.to("Until")
    page.keyboard.type("0600AM")
    keyboard.press("Create")
    titled(eyes, f"Route to {name}")
    expect(page.locator("#id_time_zone")).not_to_have_value("")
    expect(page.get_by_role("main")).to_contain_text(f"Critical alerts go to {name} on Saturday, between 22:00 and 06:00 of the next day")
    keyboard.to("Saturday")
    page.keyboard.press("Space")
    keyboard.press("Save")
    expect(page.get_by_role("checkbox", name="Saturday")).not_to_be_checked()
    expect(page.get_by_role("main")).to_contain_text(f"Critical alerts go to {name} between 22:00 and 06:00 of the next day")


def preview_an_alert(eyes: Eyes, name: str) -> None:
    page, keyboard = eyes.page, Keyboard(eyes.page)
    keyboard.press("Back to the routes")
    titled(eyes, "Routes")
    keyboard.press("Preview")
    titled(eyes, "Preview")
    keyboard.to("Alert")
    page.keyboard.type("node-silent")
    keyboard.press("Show")
    expect(page.get_by_role("heading", level=3, name=re.compile(f"{name}: (at once|waits until)"))).to_be_visible()


@pytest.mark.parametrize("eyes", WIDTHS, indirect=True)
def test_alerts_are_managed_by_keyboard(eyes: Eyes, furnished: Furnished) -> None:
    eyes.sign_in()
    name = f"Mail {(eyes.page.viewport_size or WIDE)['width']}"
    open_alerts(eyes)
    add_and_test_a_channel(eyes, name)
    open_alerts(eyes)
    acknowledge_an_alert(eyes)
    add_and_change_a_route(eyes, name)
    preview_an_alert(eyes, name)


def test_the_list_is_refreshed_and_keeps_what_is_typed(eyes: Eyes, furnished: Furnished) -> None:
    eyes.sign_in()
    page = eyes.go("/alerts/")
    search = page.get_by_label("Search")
    search.fill("nowhere")
    expect(page.locator("#results")).to_contain_text("No alerts match.")
    search.press_sequentially("r")
    expect(page).to_have_url(re.compile("search=nowherer"))
    with page.expect_response(re.compile("search=nowherer"), timeout=20_000):
        pass
    expect(search).to_be_focused()
    expect(search).to_have_value("nowherer")


def test_answers_about_alerts_are_accessible(eyes: Eyes, furnished: Furnished) -> None:
    eyes.sign_in()
    page, found = eyes.go("/alerts/channels/new/?kind=webhook"), []
    page.get_by_role("button", name="Create").click()
    expect(page.locator("#id_url_error")).to_be_visible()
    found += looked_at(eyes, "webhook refused")
    page.locator("#id_name").fill("Monitoring")
    page.locator("#id_url").fill("https://127.0.0.1:9/hook")
    page.locator("#id_enabled").uncheck()
    page.get_by_role("button", name="Create").click()
    expect(page.get_by_text("Signing secret, shown only once")).to_be_visible()
    found += looked_at(eyes, "webhook secret")
    secret = eyes.shown("#generated-1-text")
    page.get_by_role("link", name="Go to the channel").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Monitoring")
    assert secret not in page.content()
    page.get_by_role("button", name="Send test message").click()
    expect(page.locator("#delivery")).to_contain_text("The message has not arrived.", timeout=60_000)
    found += looked_at(eyes, "test message failed")
    eyes.go("/alerts/routes/new/").get_by_role("button", name="Create").click()
    expect(page.locator("#id_channel_error")).to_be_visible()
    found += looked_at(eyes, "route refused")
    eyes.go("/alerts/rules/").get_by_label("Export").fill("soon")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#id_days_of_export_error")).to_be_visible()
    found += looked_at(eyes, "rules refused")
    eyes.go(f"/alerts/{furnished.alerts['alert_open']}/").get_by_label("Send no reminder for").select_option("day")
    page.get_by_role("button", name="Acknowledge").click()
    expect(page.locator("#id_day_error")).to_be_visible()
    found += looked_at(eyes, "acknowledgement refused")
    assert found == []
