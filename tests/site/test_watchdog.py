"""The watchdog is silent within two minutes of the end of each of its parts. Each part has a site of its own."""

import contextlib
import os
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from sitekit.site import Site, running_site
from tests.environment import QUICK
from tests.receivers import Handler, http_receiver, status
from tests.slow import takes_minutes

TWO_MINUTES_S, WATCHED_S, AT_ONCE = 120.0, 190.0, 6


def sql(site: Site, *statements: str) -> None:
    with contextlib.closing(sqlite3.connect(f"{site.data}/db.sqlite3", timeout=20)) as database:
        for statement in statements:
            database.execute(statement)
        database.commit()


def refuses(table: str, *, event: str = "UPDATE", condition: str = "1") -> str:
    """A trigger: the database refuses this change, so the work that makes it fails."""
    return f"CREATE TRIGGER broken BEFORE {event} ON {table} WHEN {condition} BEGIN SELECT RAISE(ABORT, 'broken by the test'); END"


def processes(text: str) -> Iterator[int]:
    """The processes with this text in their command line."""
    for path in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if text in (path / "cmdline").read_text():
                yield int(path.name)


def kill_again(*words: str) -> Callable[[Site], None]:
    """Kill a process as often as its supervisor starts it."""

    def kill(site: Site) -> None:
        until = time.monotonic() + WATCHED_S
        while time.monotonic() < until:
            for pid in site.pids(*words):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.3)

    return kill


def kill_server(variable: str, in_title: str) -> Callable[[Site], None]:
    """Kill the server at the port of this URL."""

    def kill(site: Site) -> None:
        for pid in list(processes(in_title.format(urlsplit(site.environment[variable]).port))):
            os.kill(pid, signal.SIGKILL)

    return kill


def work(name: str) -> Callable[[Site], None]:
    """This periodic work fails from now on."""
    return lambda site: sql(site, refuses("jobs_periodicwork", condition=f"NEW.name = '{name}'"))


def lists_are_not_signed(site: Site) -> None:
    sql(
        site,
        refuses("certs_revocationlist", event="INSERT"),
        "UPDATE certs_revocationlist SET this_update = datetime(this_update, '-2 days')",
    )


def messages_are_not_delivered(site: Site) -> None:
    values = {"url": "http://localhost:9/"}
    code, channel = site.call("POST", "/alert-channels/", {"name": "ops", "kind": "webhook", "values": values})
    assert code == 201, channel
    sql(site, refuses("alerts_delivery"))
    code, answer = site.call("POST", f"/alert-channels/{channel['id']}/test/")
    assert code in (200, 201, 202), answer


PARTS: dict[str, tuple[str, Callable[[Site], None]]] = {
    "nothing": ("embedded", lambda _: None),
    "worker": ("embedded", kill_again("celery", "worker")),
    "beat": ("embedded", kill_again("celery", "beat")),
    "broker": ("production", kill_server("CELERY_BROKER_URL", "127.0.0.1:{}")),
    "database": ("production", kill_server("DATABASE_URL", "port={}")),
    "reconcile": ("embedded", work("reconcile")),
    "renewals": ("embedded", work("upkeep")),
    "requests of revocation lists": ("embedded", work("certificate sweep")),
    "signatures of revocation lists": ("embedded", lists_are_not_signed),
    "update of alerts": ("embedded", work("alerts")),
    "delivery of alerts": ("embedded", messages_are_not_delivered),
    "state changes": ("embedded", work("state changes")),
}


def last_call_s(folder: Path, name: str) -> float:
    """Seconds from the end of this part to the last call; 0 if there was none."""
    on, end = PARTS[name]
    calls: list[float] = []

    def respond(handler: Handler) -> None:
        calls.append(time.monotonic())
        status(204)(handler)

    with http_receiver(respond) as receiver:
        environment = QUICK | {"QMC_WATCHDOG_URL": receiver.url, "QMC_OUTBOUND_NETWORKS": "127.0.0.0/8"}
        with running_site(folder, on, agents=0, environment=environment) as site:
            site.wait(lambda: len(calls) >= 1, 300)
            ended = time.monotonic()
            end(site)
            time.sleep(max(0.0, ended + WATCHED_S - time.monotonic()))
            return max(0.0, calls[-1] - ended)


@takes_minutes
def test_it_is_silent_within_two_minutes_of_the_end_of_each_part(tmp_path: Path, record_property: Callable[[str, Any], None]) -> None:
    folders = [tmp_path / str(number) for number in range(len(PARTS))]
    for folder in folders:
        folder.mkdir()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        found = dict(zip(PARTS, pool.map(last_call_s, folders, PARTS), strict=True))
    record_property("last call after the end of", ", ".join(f"{name}: {seconds:.0f} s" for name, seconds in found.items()))
    assert found.pop("nothing") > TWO_MINUTES_S
    assert {name: seconds for name, seconds in found.items() if seconds > TWO_MINUTES_S} == {}
