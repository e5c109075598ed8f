"""qmcctl doctor."""

import platform
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import click

from agent.version import VERSION
from cli import output, profile
from cli.commands.frame import ApiCommand, json_option
from cli.doctor import archive, of_node, of_site
from cli.doctor.findings import Finding, Level
from cli.errors import CommandError, ExitCode
from cli.output import columns
from cli.profile import Profile
from cli.site import Site


@click.command(cls=ApiCommand)
@click.option("--home", type=click.Path(path_type=Path), metavar="DIR", help="Check the node whose agent has this --home, not the site.")
@click.option("--address", default="127.0.0.1", show_default=True, help="Where the agent of the node listens.")
@click.option("--node-port", type=click.IntRange(1, 65535), default=4242, show_default=True)
@click.option("--bundle", type=click.Path(path_type=Path), metavar="FILE", help="Also write a zip archive for support. It has no secrets.")
@json_option
@click.pass_context
def doctor(ctx: click.Context, home: Path | None, address: str, node_port: int, bundle: Path | None, as_json: bool) -> None:
    """Check a site, or a node. It ends with 1 if there is a problem, and each finding has its remedy."""
    used = None if home else profile.load()
    if home:
        found = list(of_node.findings(home, address=address, node_port=node_port, now=datetime.now(UTC)))
    else:
        assert used is not None
        found = list(of_site.findings(used))
    rows = [each.as_row() for each in found]
    if as_json:
        output.document({"results": rows})
    else:
        output.table(columns("level", "code", "text"), rows, nothing="")
        for each in found:
            if each.remedy:
                output.line(output.printable(f"{each.code}: {each.remedy}"))
    if bundle:
        parts = [("doctor", _doctor(found)), *(of_node.contents(home) if home else _of_site(used))]
        archive.write(bundle, parts, secrets=[used.token] if used else [])
        output.line(f"{bundle} was written. It was searched for secrets; look at it before you send it.", error=True)
    if any(each.level is Level.PROBLEM for each in found):
        ctx.exit(int(ExitCode.FAILED))


def _doctor(found: list[Finding]) -> dict[str, object]:
    return {
        "at": datetime.now(UTC).isoformat(), "version": VERSION, "python": sys.version, "system": platform.platform(),
        "findings": [each.as_row() for each in found],
    }  # fmt: skip


def _of_site(used: Profile | None) -> Iterator[tuple[str, object]]:
    assert used is not None
    site = Site(used)
    try:
        yield from of_site.contents(site)
    except CommandError as exc:
        yield "site", exc.problem
    finally:
        site.close()
