"""qmcctl nodes."""

import json
import sys
import time
from datetime import UTC, datetime
from typing import Any

import click
from rich.live import Live

from cli import output
from cli.commands.frame import Group, confirm, connected, json_option, limit_option, print_item, print_rows, wait_options, yes_option
from cli.errors import CommandError, ExitCode, Refused, StillWaiting
from cli.output import Column, columns
from cli.site import Row, Site
from cli.waiting import Step, wait_for

STATES = ("created", "issuing", "distributing", "awaiting_password", "verifying", "registered", "failed", "decommissioned")
STAGES = STATES[1:6]  # of a registration, in order


def _expires(node: Row) -> str:
    dates = [each["not_after"] for each in node["certificates"] if each["status"] == "issued"]
    return min(dates)[:10] if dates else ""


SHOWN = (*columns("name", "host_name", "address", "state", "online"), Column("expires", _expires))
DETAILS = (
    *columns(
        "id", "name", "host_name", "address", "distribution_port", "node_port", "subject_alternative_names", "services", "tags", "notes"
    ),
    *columns("state", "state_reason", "online", "clock_offset_s", "agent_version", "agent_system"),
    Column("expires", _expires),
)


class NodeName(click.ParamType[str]):
    """A name or id of a node; a shell completes the name."""

    name = "node"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[Any]:
        try:
            rows = connected().rows("/nodes/", search=incomplete, limit=100)
            return [click.shell_completion.CompletionItem(row["name"]) for row in rows if row["name"].startswith(incomplete)]
        except CommandError:
            return []


node_argument = click.argument("node", type=NodeName())


def find(site: Site, word: str) -> Row:
    return site.find("/nodes/", word, "name", "host_name")


@click.group(cls=Group)
def nodes() -> None:
    """Nodes: list, show, register, renew, redistribute, decommission, watch."""


@nodes.command("list")
@click.option("--state", type=click.Choice(STATES))
@click.option("--health", help="A health, such as silent. A wrong one is refused with the known ones.")
@click.option("--tag", help="Nodes with this tag.")
@click.option("--attention", help="The code of a need, or any.")
@click.option("--search", help="A part of the name, the host name or the address.")
@limit_option()
@json_option
def list_(as_json: bool, limit: int, **query: Any) -> None:
    """List nodes."""
    print_rows(connected(), "/nodes/", SHOWN, as_json=as_json, limit=limit, nothing="No nodes match.", **query)


@nodes.command()
@node_argument
@json_option
def show(node: str, as_json: bool) -> None:
    """Show a node with its certificates."""
    row = find(connected(), node)
    print_item(row, DETAILS, as_json=as_json)
    if not as_json and row["certificates"]:
        sys.stdout.write("\n")
        output.table(columns("kind", "subject", "status", "not_after", "days_left"), row["certificates"], nothing="")


@nodes.command()
@click.argument("name", type=NodeName())
@click.option("--host-name", help="Create the node with this host name first. Without it, the node exists.")
@click.option("--address", help="Where the node is dialed, if its host name does not resolve.")
@click.option("--distribution-port", type=click.IntRange(1, 65535))
@click.option("--node-port", type=click.IntRange(1, 65535))
@click.option("--san", "subject_alternative_names", multiple=True, metavar="NAME", help="A further DNS name or IP address; repeatable.")
@click.option("--service", "services", multiple=True, help="A service of this node, such as engine; repeatable.")
@wait_options
@json_option
def register(name: str, host_name: str | None, wait: bool, timeout: float, as_json: bool, **fields: Any) -> None:
    """Register a node: it prints the password for the setup page of the node, once.

    With --wait it returns when the password was typed and the node is registered.
    """
    site = connected()
    if host_name:
        given = {field: list(value) if isinstance(value, tuple) else value for field, value in fields.items() if value not in (None, ())}
        node = site.post("/nodes/", {"name": name, "host_name": host_name, **given})
    elif any(value not in (None, ()) for value in fields.values()):
        raise click.UsageError("--address, the ports, --san and --service are for a new node. Give --host-name too.")
    else:
        node = find(site, name)
    if node["state"] == "registered":
        raise _not_now(f"{name} is registered.", f"Use `qmcctl nodes redistribute {name}` to distribute new certificates with a password.")
    _distribute(site, node, wait=wait, timeout=timeout, as_json=as_json)


@nodes.command()
@node_argument
@yes_option
@wait_options
@json_option
def redistribute(node: str, yes: bool, wait: bool, timeout: float, as_json: bool) -> None:
    """Distribute new certificates to a registered node with a new password."""
    site = connected()
    row = find(site, node)
    confirm(f"Distribute new certificates to {row['name']}? It keeps the old ones until the new password is typed there.", yes=yes)
    _distribute(site, row, wait=wait, timeout=timeout, as_json=as_json)


def _not_now(text: str, remedy: str) -> CommandError:
    exc = CommandError(text, remedy)
    exc.exit_code, exc.title = ExitCode.NOT_NOW, "not now"
    return exc


def _distribute(site: Site, node: Row, *, wait: bool, timeout: float, as_json: bool) -> None:
    try:
        ceremony = site.post(f"/nodes/{node['id']}/register/")
    except Refused as exc:
        if node["state"] == "created":
            exc.remedy = f"The node was created. Fix this, then run `qmcctl nodes register {node['name']}` without --host-name."
        raise
    if not wait:
        print_item(ceremony | {"id": node["id"]} if as_json else ceremony, as_json=as_json)
        return
    # The password is needed during the wait, so it is printed before it.
    output.line(f"Password: {ceremony['password']}", error=as_json)
    output.line(f"Type it at {ceremony['setup_url']} on the node, until {ceremony['expires_at']}.", error=as_json)
    sys.stdout.flush()
    row = _settled(site, node, "registered", timeout=timeout)
    if as_json:
        output.document(row)
    else:
        output.line(f"{row['name']} is registered.", style="green")


def _settled(site: Site, node: Row, state: str, *, timeout: float) -> Row:
    def read() -> Step:
        row = site.get(f"/nodes/{node['id']}/")
        now = row["state"]
        share = STAGES.index(now) / (len(STAGES) - 1) if now in STAGES else None
        failure = (row["state_reason"] or "it failed.") if now == "failed" else ""
        return Step(row, now, share, is_done=now == state, failure=failure)

    return wait_for(node["name"], read, timeout_s=timeout, show_with=f"qmcctl nodes show {node['name']}")


@nodes.command()
@click.argument("names", nargs=-1, required=True, metavar="NODE...", type=NodeName())
@wait_options
@json_option
def renew(names: tuple[str, ...], wait: bool, timeout: float, as_json: bool) -> None:
    """Renew nodes: they get new keys and certificates over mutual TLS."""
    site = connected()
    found = [find(site, name) for name in names]
    asked = []
    for node in found:
        before = {job["id"] for job in _renewals(site, node)}
        asked.append((node, before, site.post(f"/nodes/{node['id']}/renew/")))
    results = [{"id": node["id"], "name": node["name"], **renewal} for node, _, renewal in asked]
    if wait:
        results = [_renewed(site, node, before, timeout=timeout) for node, before, _ in asked]
    if as_json:
        output.document({"results": results})
    else:
        output.table(columns("name", "state") if wait else columns("name", "generation", "status"), results, nothing="")


def _renewals(site: Site, node: Row) -> list[Row]:
    """The jobs of its renewals, the newest first."""
    jobs = site.rows("/jobs/", kind="renewal", search=node["name"], limit=20)
    return [job for job in jobs if job["subject_path"] == f"/nodes/{node['id']}/"]


def _renewed(site: Site, node: Row, before: set[str], *, timeout: float) -> Row:
    def read() -> Step:
        jobs = _renewals(site, node)
        # A renewal that was under way already is followed too.
        job = next((job for job in jobs if job["id"] not in before), jobs[0] if jobs else None)
        if job is None:
            return Step({}, "waiting")
        failure = job["error"] or "the renewal ended without a result." if job["state"] in ("failed", "cancelled") else ""
        return Step({"id": node["id"], "name": node["name"], "state": job["state"], "job": job["id"]}, job["progress"] or job["state"],
                    is_done=job["state"] == "done", failure=failure)  # fmt: skip

    return wait_for(node["name"], read, timeout_s=timeout, show_with=f"qmcctl nodes show {node['name']}")


@nodes.command()
@node_argument
@click.option("--lost", is_flag=True, help="The machine was lost or taken over: its certificates are revoked at once.")
@yes_option
@wait_options
@json_option
def decommission(node: str, lost: bool, yes: bool, wait: bool, timeout: float, as_json: bool) -> None:
    """Remove a node from the trust zone: its certificates are revoked."""
    site = connected()
    row = find(site, node)
    confirm(f"Decommission {row['name']} ({row['host_name']})? Its certificates are revoked.", yes=yes)
    row = site.post(f"/nodes/{row['id']}/decommission/", {"lost": True} if lost else {})
    if wait:
        row = _settled(site, row, "decommissioned", timeout=timeout)
    print_item(row, columns("id", "name", "state"), as_json=as_json)


@nodes.command()
@click.argument("names", nargs=-1, metavar="[NODE]...", type=NodeName())
@click.option("--interval", type=click.FloatRange(min=0.5), default=5, show_default=True, help="Seconds between two looks.")
@click.option("--until", type=click.Choice(STATES), help="End when all of them are in this state.")
@click.option("--timeout", type=click.FloatRange(min=0), help="Longest watch, in seconds.")
@json_option
def watch(names: tuple[str, ...], interval: float, until: str | None, timeout: float | None, as_json: bool) -> None:
    """Show nodes and their states until Ctrl-C.

    A terminal shows a table. Elsewhere, and with --json, there is one line for each change.
    """
    site = connected()
    deadline = None if timeout is None else time.monotonic() + timeout
    seen: dict[str, tuple[Any, ...]] = {}
    chosen = [find(site, name)["id"] for name in names]
    with _Watched(as_json=as_json) as shown:
        while True:
            rows = [site.get(f"/nodes/{pk}/") for pk in chosen] if chosen else list(site.rows("/nodes/"))
            changed = [row for row in rows if seen.get(row["id"]) != (row["state"], row["online"])]
            seen = {row["id"]: (row["state"], row["online"]) for row in rows}
            shown.update(rows, changed)
            if until and all(row["state"] == until for row in rows):
                return
            if deadline is not None and time.monotonic() + interval > deadline:
                if not until:
                    return
                raise StillWaiting(f"Not all nodes are {until} after {timeout:g} s.", "`qmcctl nodes list` shows their states.")
            time.sleep(interval)


class _Watched:
    def __init__(self, *, as_json: bool) -> None:
        self.as_json, out = as_json, output.console()
        self.live = Live(console=out, auto_refresh=False) if out.is_terminal and not as_json else None

    def __enter__(self) -> "_Watched":
        if self.live:
            self.live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.live:
            self.live.stop()

    def update(self, rows: list[Row], changed: list[Row]) -> None:
        if self.live:
            self.live.update(output.drawn(SHOWN, rows), refresh=True)
            return
        at = datetime.now(UTC).isoformat(timespec="seconds")
        for row in changed:
            text = f"{at} {output.printable(row['name'])} {row['state']} {'online' if row['online'] else 'offline'}"
            sys.stdout.write((json.dumps({"at": at} | row) if self.as_json else text) + "\n")
        sys.stdout.flush()
