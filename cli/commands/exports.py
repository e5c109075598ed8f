"""qmcctl exports. The files themselves are downloaded in the console, after a fresh sign-in."""

from typing import Any

import click

from cli import output
from cli.commands.certificates import REASONS
from cli.commands.frame import (
    Group,
    confirm,
    connected,
    json_option,
    limit_option,
    print_item,
    print_rows,
    secret_from_input,
    wait_options,
    yes_option,
)
from cli.output import columns
from cli.site import Row, Site
from cli.waiting import Step, wait_for

SHOWN = columns("machine_name", "format", "status", "generation", "not_after", "days_left", "id")


def find(site: Site, word: str) -> Row:
    return site.find("/exports/", word, "machine_name")


@click.group(cls=Group)
def exports() -> None:
    """Exports of certificates for machines without an agent: list, show, create, renew, revoke."""


@exports.command("list")
@click.option("--status", type=click.Choice(["requested", "made", "failed", "revoked"]))
@click.option("--format", "format", type=click.Choice(["pem", "windows"]))
@click.option("--search", help="A part of the name of the machine.")
@limit_option()
@json_option
def list_(as_json: bool, limit: int, **query: Any) -> None:
    """List exports."""
    print_rows(connected(), "/exports/", SHOWN, as_json=as_json, limit=limit, nothing="No exports match.", **query)


@exports.command()
@click.argument("export")
@json_option
def show(export: str, as_json: bool) -> None:
    """Show an export, by its id or the name of its machine."""
    print_item(find(connected(), export), as_json=as_json)


@exports.command()
@click.argument("machines", nargs=-1, required=True, metavar="MACHINE...")
@click.option("--format", "format", type=click.Choice(["pem", "windows"]), default="pem", show_default=True)
@click.option("--with-password", is_flag=True, help="Encrypt private keys with a password: typed, or one line of standard input.")
@click.option("--include-secrets-key", is_flag=True, help="Also the key of the data connections.")
@click.option("--include-ca", is_flag=True, help="Also the root certificate.")
@click.option("--legacy", is_flag=True, help="Old encryption, for old Windows.")
@wait_options
@json_option
def create(machines: tuple[str, ...], with_password: bool, wait: bool, timeout: float, as_json: bool, **fields: Any) -> None:
    """Make certificates for machines that cannot run an agent."""
    content = {"machine_names": list(machines), **fields}
    if with_password:
        content["password"] = secret_from_input("Password")
    site = connected()
    rows = site.post("/exports/", content)["results"]
    if wait:
        rows = [_made(site, row, timeout=timeout) for row in rows]
    if as_json:
        output.document({"results": rows})
    else:
        output.table(SHOWN, rows, nothing="")


@exports.command()
@click.argument("export")
@click.option("--with-password", is_flag=True, help="Encrypt private keys with a password: typed, or one line of standard input.")
@wait_options
@json_option
def renew(export: str, with_password: bool, wait: bool, timeout: float, as_json: bool) -> None:
    """Make the next generation of an export."""
    content = {"password": secret_from_input("Password")} if with_password else {}
    site = connected()
    row = site.post(f"/exports/{find(site, export)['id']}/renew/", content)
    print_item(_made(site, row, timeout=timeout) if wait else row, SHOWN, as_json=as_json)


@exports.command()
@click.argument("export")
@click.option("--reason", required=True, help="Why; it is in the audit log.")
@click.option("--code", type=click.Choice(REASONS), default="unspecified", show_default=True, help="The code in the revocation list.")
@yes_option
@json_option
def revoke(export: str, reason: str, code: str, yes: bool, as_json: bool) -> None:
    """Revoke the certificates of an export."""
    site = connected()
    row = find(site, export)
    confirm(f"Revoke the export for {row['machine_name']}? It cannot be undone.", yes=yes)
    print_item(site.post(f"/exports/{row['id']}/revoke/", {"reason": reason, "code": code}), SHOWN, as_json=as_json)


def _made(site: Site, export: Row, *, timeout: float) -> Row:
    def read() -> Step:
        row = site.get(f"/exports/{export['id']}/")
        failure = row["status_reason"] or f"it is {row['status']}." if row["status"] in ("failed", "revoked") else ""
        return Step(row, row["status"], is_done=row["status"] == "made", failure=failure)

    name = export["machine_name"]
    return wait_for(name, read, timeout_s=timeout, show_with=f"qmcctl exports show {name}")
