"""qmcctl audit, qmcctl alerts."""

from typing import Any

import click

from cli.commands.frame import Group, connected, json_option, limit_option, print_item, print_rows
from cli.output import Column, columns

EVENTS = (
    *columns("sequence", "at", "actor", "action", "outcome"),
    Column("target", lambda event: (event["target"] or {}).get("label", "")),
    Column("detail", "detail"),
)
ALERTS = columns("severity", "state", "title", "since", "id")


@click.group(cls=Group)
def audit() -> None:
    """The audit log: list, status."""


@audit.command("list")
@click.option("--actor", help="The exact name, such as admin.")
@click.option("--action", help="The exact name, such as node.transition.")
@click.option("--target", help="The id of an object, or its exact name when the event happened.")
@click.option("--outcome", type=click.Choice(["done", "refused", "failed"]))
@click.option("--request-id", help="All events of one request.")
@click.option("--since", metavar="TIME", help="Events at this time or later.")
@click.option("--until", metavar="TIME", help="Events before this time.")
@click.option("--search", help="A part of the actor, the action, the target, the outcome or the detail.")
@limit_option(100)
@json_option
def list_events(as_json: bool, limit: int, **query: Any) -> None:
    """List events, the newest first."""
    print_rows(connected(), "/audit/", EVENTS, as_json=as_json, limit=limit, nothing="No events match.", **query)


@audit.command()
@json_option
def status(as_json: bool) -> None:
    """Whether the audit log is evidence."""
    print_item(connected().get("/audit/status/"), columns("state", "last_event", "problem", "accepted_gaps"), as_json=as_json)


@click.group(cls=Group)
def alerts() -> None:
    """Alerts: list, show, acknowledge."""


@alerts.command("list")
@click.option("--state", type=click.Choice(["open", "acknowledged", "closed"]))
@click.option("--severity", type=click.Choice(["critical", "warning", "info"]))
@click.option("--code", help="The code of a need, such as node-silent.")
@click.option("--search", help="A part of the title or the text.")
@limit_option()
@json_option
def list_alerts(as_json: bool, limit: int, **query: Any) -> None:
    """List alerts."""
    print_rows(connected(), "/alerts/", ALERTS, as_json=as_json, limit=limit, nothing="No alerts match.", **query)


@alerts.command("show")
@click.argument("alert")
@json_option
def show_alert(alert: str, as_json: bool) -> None:
    """Show an alert by its id, with its remedy."""
    shown = columns("id", "severity", "state", "title", "text", "remedy", "since", "acknowledged_by", "acknowledged_until", "note")
    print_item(connected().find("/alerts/", alert), shown, as_json=as_json)


@alerts.command()
@click.argument("alert")
@click.option("--note", default="", help="For the others who see the alert.")
@click.option("--until", metavar="TIME", help="Send no reminders before this time.")
@json_option
def acknowledge(alert: str, note: str, until: str | None, as_json: bool) -> None:
    """Acknowledge an alert: a person works on it, and reminders pause."""
    site = connected()
    content = {"note": note} | ({"until": until} if until else {})
    row = site.post(f"/alerts/{site.find('/alerts/', alert)['id']}/acknowledge/", content)
    print_item(row, columns("id", "state", "title", "acknowledged_by", "acknowledged_until", "note"), as_json=as_json)
