"""qmcctl rotations, qmcctl jobs."""

from typing import Any

import click

from cli import output
from cli.commands.frame import Group, confirm, connected, json_option, limit_option, print_item, print_rows, wait_options, yes_option
from cli.output import columns
from cli.site import Row, Site
from cli.waiting import Step, wait_for

ROTATIONS = columns("kind", "phase", "percent", "paused", "waits_for_total", "created_at", "finished_at", "id")
ROTATION = (*ROTATIONS, *columns("waits_for", "problem", "rolled_back", "actor"))
JOBS = columns("kind", "title", "state", "progress", "created_at", "id")
JOB = columns("id", "kind", "title", "state", "progress", "done", "total", "error", "actor", "created_at", "finished_at")
ENDED = ("failed", "cancelled")


@click.group(cls=Group)
def rotations() -> None:
    """Rotations of the root and of the database key: list, show, start, pause, resume, roll-back, exclude."""


@rotations.command("list")
@limit_option()
@json_option
def list_rotations(as_json: bool, limit: int) -> None:
    """List rotations."""
    print_rows(connected(), "/rotations/", ROTATIONS, as_json=as_json, limit=limit, nothing="There was no rotation.")


@rotations.command("show")
@click.argument("rotation")
@json_option
def show_rotation(rotation: str, as_json: bool) -> None:
    """Show a rotation by its id."""
    print_item(connected().find("/rotations/", rotation), ROTATION, as_json=as_json)


@rotations.command()
@click.argument("kind", type=click.Choice(["root", "database-key"]))
@yes_option
@wait_options
@json_option
def start(kind: str, yes: bool, wait: bool, timeout: float, as_json: bool) -> None:
    """Begin a rotation. It needs all nodes; --wait shows how far it is."""
    confirm(f"Begin a rotation of the {kind.replace('-', ' ')}? All nodes take part.", yes=yes)
    site = connected()
    row = site.post("/rotations/", {"kind": kind})
    print_item(_finished(site, row, timeout=timeout) if wait else row, ROTATION, as_json=as_json)


def _act(rotation: str, action: str, content: Row, *, as_json: bool) -> None:
    site = connected()
    print_item(site.post(f"/rotations/{site.find('/rotations/', rotation)['id']}/{action}/", content), ROTATION, as_json=as_json)


@rotations.command()
@click.argument("rotation")
@json_option
def pause(rotation: str, as_json: bool) -> None:
    """Pause a rotation before its next step."""
    _act(rotation, "pause", {}, as_json=as_json)


@rotations.command()
@click.argument("rotation")
@json_option
def resume(rotation: str, as_json: bool) -> None:
    """Continue a paused rotation."""
    _act(rotation, "resume", {}, as_json=as_json)


@rotations.command("roll-back")
@click.argument("rotation")
@yes_option
@json_option
def roll_back(rotation: str, yes: bool, as_json: bool) -> None:
    """Undo a rotation while that is possible."""
    confirm(f"Roll back the rotation {rotation}?", yes=yes)
    _act(rotation, "roll-back", {}, as_json=as_json)


@rotations.command()
@click.argument("rotation")
@click.argument("node")
@click.option("--reason", required=True, help="Why; it is in the audit log.")
@yes_option
@json_option
def exclude(rotation: str, node: str, reason: str, yes: bool, as_json: bool) -> None:
    """Continue without a node. It must be registered again later."""
    confirm(f"Continue the rotation without {node}? It must be registered again afterwards.", yes=yes)
    found = connected().find("/nodes/", node, "name", "host_name")
    _act(rotation, "exclude", {"node": found["id"], "reason": reason}, as_json=as_json)


def _finished(site: Site, rotation: Row, *, timeout: float) -> Row:
    def read() -> Step:
        row = site.get(f"/rotations/{rotation['id']}/")
        text = f"{row['phase']}, paused" if row["paused"] else row["phase"]
        failure = "it was rolled back." if row["rolled_back"] else ""
        return Step(row, text, row["percent"] / 100, is_done=bool(row["finished_at"]), failure=failure)

    title = f"rotation of the {rotation['kind'].replace('-', ' ')}"
    return wait_for(title, read, timeout_s=timeout, show_with=f"qmcctl rotations show {rotation['id']}")


@click.group(cls=Group)
def jobs() -> None:
    """Work that takes long: list, show, cancel, retry."""


@jobs.command("list")
@click.option("--state", type=click.Choice(["waiting", "running", "done", *ENDED]))
@click.option("--kind", help="A kind, such as registration. A wrong one is refused with the known ones.")
@click.option("--search", help="A part of the title.")
@limit_option(100)
@json_option
def list_jobs(as_json: bool, limit: int, **query: Any) -> None:
    """List jobs, the newest first."""
    print_rows(connected(), "/jobs/", JOBS, as_json=as_json, limit=limit, nothing="No jobs match.", **query)


@jobs.command("show")
@click.argument("job")
@click.option("--wait", is_flag=True, help="Wait until it has ended.")
@click.option("--timeout", type=click.FloatRange(min=0), default=600, show_default=True, help="Longest wait, in seconds.")
@json_option
def show_job(job: str, wait: bool, timeout: float, as_json: bool) -> None:
    """Show a job by its id, with its log."""
    site = connected()
    row = site.find("/jobs/", job)
    row = _ended(site, row, timeout=timeout) if wait else row
    print_item(row, JOB, as_json=as_json)
    if not as_json:
        output.table(columns("at", "text"), row["steps"], nothing="")


@jobs.command()
@click.argument("job")
@yes_option
@json_option
def cancel(job: str, yes: bool, as_json: bool) -> None:
    """End an unfinished job."""
    site = connected()
    row = site.find("/jobs/", job)
    confirm(f"Cancel {row['title']}?", yes=yes)
    print_item(site.post(f"/jobs/{row['id']}/cancel/"), JOB, as_json=as_json)


@jobs.command()
@click.argument("job")
@wait_options
@json_option
def retry(job: str, wait: bool, timeout: float, as_json: bool) -> None:
    """Do the work of a failed job again."""
    site = connected()
    row = site.post(f"/jobs/{site.find('/jobs/', job)['id']}/retry/")
    print_item(_ended(site, row, timeout=timeout) if wait else row, JOB, as_json=as_json)


def _ended(site: Site, job: Row, *, timeout: float) -> Row:
    def read() -> Step:
        row = site.get(f"/jobs/{job['id']}/")
        failure = row["error"] or f"it is {row['state']}." if row["state"] in ENDED else ""
        share = row["done"] / row["total"] if row["total"] else None
        return Step(row, row["progress"] or row["state"], share, is_done=row["state"] == "done", failure=failure)

    return wait_for(job["title"], read, timeout_s=timeout, show_with=f"qmcctl jobs show {job['id']}")
