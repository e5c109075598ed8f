"""qmcctl certificates, qmcctl expiry."""

import sys
from typing import Any

import click

from cli import output
from cli.commands.frame import Group, confirm, connected, json_option, limit_option, print_item, print_rows, yes_option
from cli.output import columns
from cli.site import Row, Site

KINDS = ("root", "service", "client", "cluster", "server")
REASONS = ("unspecified", "keyCompromise", "affiliationChanged", "superseded", "cessationOfOperation")
SHOWN = columns("kind", "subject", "holder", "status", "not_after", "days_left", "id")


def find(site: Site, word: str) -> Row:
    return site.find("/certificates/", word, "serial", "sha256")


@click.group(cls=Group)
def certificates() -> None:
    """Certificates: list, show, pem, revoke. Name one by its id, serial number or SHA-256."""


@certificates.command("list")
@click.option("--kind", type=click.Choice(KINDS))
@click.option("--status", help="A status, such as issued. A wrong one is refused with the known ones.")
@click.option("--node", help="The id of a node.")
@click.option("--expires-before", metavar="TIME", help="Certificates that expire before this time, such as 2027-01-01.")
@click.option("--search", help="A part of the subject, the names, the serial number or the SHA-256.")
@limit_option()
@json_option
def list_(as_json: bool, limit: int, **query: Any) -> None:
    """List certificates."""
    print_rows(connected(), "/certificates/", SHOWN, as_json=as_json, limit=limit, nothing="No certificates match.", **query)


@certificates.command()
@click.argument("certificate")
@json_option
def show(certificate: str, as_json: bool) -> None:
    """Show a certificate."""
    print_item(find(connected(), certificate), as_json=as_json)


@certificates.command()
@click.argument("certificate")
def pem(certificate: str) -> None:
    """Print a certificate as PEM."""
    site = connected()
    sys.stdout.write(site.get(f"/certificates/{find(site, certificate)['id']}/pem/"))


@certificates.command()
@click.argument("certificate")
@click.option("--reason", required=True, help="Why; it is in the audit log.")
@click.option("--code", type=click.Choice(REASONS), default="unspecified", show_default=True, help="The code in the revocation list.")
@yes_option
@json_option
def revoke(certificate: str, reason: str, code: str, yes: bool, as_json: bool) -> None:
    """Revoke a certificate with its predecessors."""
    site = connected()
    row = find(site, certificate)
    confirm(f"Revoke {row['subject']} of {row['holder']} (serial number {row['serial']})? It cannot be undone.", yes=yes)
    revoked = site.post(f"/certificates/{row['id']}/revoke/", {"reason": reason, "code": code})
    print_item(revoked, columns("id", "subject", "status", "revoked_at", "revocation_code"), as_json=as_json)


@click.command()
@click.option("--kind", help="A kind, such as service or token. A wrong one is refused with the known ones.")
@click.option("--bucket", help="When, such as 30_days.")
@click.option("--happens", type=click.Choice(["by_itself", "by_hand"]), help="Renewed automatically, or by a person.")
@click.option("--as-of", metavar="TIME", help="What will expire, seen from this time.")
@click.option("--search", help="A part of the subject or the holder.")
@limit_option()
@json_option
def expiry(as_json: bool, limit: int, **query: Any) -> None:
    """Show everything that expires, the first to expire first."""
    site = connected()
    rows = list(site.rows("/expiry/", limit=limit, **query))
    first = site.get("/expiry/", page_size=1, **query)
    totals = first["totals"]
    if as_json:
        output.document({"results": rows, "totals": totals, "as_of": first["as_of"], "without_end": first["without_end"]})
        return
    output.table(columns("kind", "subject", "holder", "not_after", "days_left", "expiry_status"), rows, nothing="Nothing matches.")
    output.line(", ".join(f"{name.replace('_', ' ')}: {count}" for name, count in totals.items()), error=True)
