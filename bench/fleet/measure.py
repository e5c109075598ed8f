"""What a site does while thousands of light nodes call it."""

import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.db import DatabaseError, connection
from django.db.models import F
from django.utils import timezone

from bench.fleet.callers import Call
from bench.measure import CORES, cpu_by_process, memory_by_process, percentile, spread, verdict
from bench.pages.measure import Browser, signed_in
from bench.seed.fill import calls_moved
from certs.models import Certificate
from nodes.inventory.counts import regular_interval_now
from nodes.inventory.intervals import silence_after
from nodes.inventory.silence import silent_nodes
from nodes.models import Node, Observation
from sitekit.site import ROOT, Site

OUTAGE_S, LOOK_S, BUCKET_S = 30, 2, 5
PAGES = ("/", "/nodes/", "/nodes/?sort=-seen", "/certificates/", "/expiry/", "/exports/")
GOAL_PAGE_S = 0.3


def write_callers(folder: Path, key: Path) -> list[Any]:
    """Write the callers and their certificates into `folder`. Returns the ids of their nodes: those that are not silent, with a client certificate in force."""
    now, interval_s = timezone.now(), regular_interval_now()
    calls_moved(now=now)
    Observation.objects.filter(silent_at__gt=now).update(silent_at=F("last_seen_at") + silence_after(timedelta(seconds=interval_s)))
    calling = Observation.objects.filter(silent_at__gt=now, node__is_central=False, node__state="registered")
    clients = Certificate.objects.issued().filter(kind="client", not_after__gt=now, sha256__in=calling.values("client_sha256"))
    signed = {certificate.sha256: certificate.pem() for certificate in clients.only("sha256", "der")}
    ids, lines = [], []
    names = (
        "generation", "trusts", "revocation_lists", "installed", "served", "listening", "database_keys", "hook", "browser", "version", "system",
        "central_addresses", "central_called", "turn",
    )  # fmt: skip
    for seen in calling.filter(client_sha256__in=clients.values("sha256")).iterator():
        pem = folder / f"{seen.node_id}.pem"
        pem.write_text(key.read_text() + signed[seen.client_sha256])
        report = {name: getattr(seen, name) or None for name in ("hook", "browser")}
        report = {name: getattr(seen, name) for name in names} | report | {"proofs": {}, "cluster_proof": None, "node": str(seen.node_id)}
        ids.append(seen.node_id)
        lines.append({"pem": str(pem), "report": report, "interval_s": interval_s})
    (folder / "callers").write_text("\n".join(map(json.dumps, lines)))
    return ids


@contextlib.contextmanager
def calling(site: Site, folder: Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "bench.fleet.callers", str(site.data), str(site.node_port), str(folder / "callers")]
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.wait(20)


class Watch:
    """Looks at the site while the callers call: which of them are shown as silent, and how long pages take."""

    def __init__(self, site: Site, ids: list[Any]) -> None:
        self.site, self.ids, self.ended = site, set(ids), threading.Event()
        self.silent: list[tuple[float, int]] = []
        self.pages: dict[str, list[float]] = {page: [] for page in PAGES}
        self.refused = 0
        self.threads = [threading.Thread(target=work) for work in (self._count, self._read)]

    def _count(self) -> None:
        while not self.ended.wait(LOOK_S):
            try:
                silent = set(Node.objects.filter(silent_nodes(timezone.now())).values_list("pk", flat=True))
                self.silent.append((time.monotonic(), len(silent & self.ids)))
            except DatabaseError:  # during the outage
                connection.close()
        connection.close()

    def _read(self) -> None:
        browser = Browser(self.site.port, signed_in())
        connection.close()
        while not self.ended.is_set():
            for page in PAGES:
                status, _, _, took = browser.get(page)
                if status == 200:
                    self.pages[page].append(took)
                else:
                    self.refused += 1
                self.ended.wait(0.5)

    def __enter__(self) -> "Watch":
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ended.set()
        for thread in self.threads:
            thread.join()


def stop_database(site: Site, seconds: float) -> None:
    """On SQLite, a lock keeps all others from writing. On PostgreSQL, the processes of the server are stopped."""
    if site.database is None:
        with contextlib.closing(sqlite3.connect(site.data / "db.sqlite3", isolation_level=None, timeout=60)) as database:
            database.execute("BEGIN EXCLUSIVE")
            time.sleep(seconds)
            database.execute("ROLLBACK")
        return
    main = int(Path(f"/proc/{site.database.info.backend_pid}/stat").read_text().rpartition(")")[2].split()[1])
    stopped = [main, *map(int, Path(f"/proc/{main}/task/{main}/children").read_text().split())]
    for number, pids in ((signal.SIGSTOP, stopped), (signal.SIGCONT, reversed(stopped))):
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
        if number == signal.SIGSTOP:
            time.sleep(seconds)


def measure(site: Site, key: Path, *, seconds: float, outage: bool) -> None:
    """Let the nodes call for this long, and print what the site did. Raises: AssertionError if a caller fails."""
    folder = key.parent / "callers"
    folder.mkdir(mode=0o700)
    ids = write_callers(folder, key)
    print(f"{len(ids)} nodes call for {seconds / 60:g} minutes, {connection.vendor}", flush=True)
    outage_at, used, began = 0.0, cpu_by_process(site), time.monotonic()
    with calling(site, folder) as process, Watch(site, ids) as watch:
        if outage:
            time.sleep(seconds / 2)
            outage_at = time.monotonic()
            stop_database(site, OUTAGE_S)
        time.sleep(max(began + seconds - time.monotonic(), 0))
        printed, _ = process.communicate("")
    assert process.returncode == 0, "a caller has failed"
    *lines, used_by_callers = map(json.loads, printed.splitlines())
    calls = [Call(**line) for line in lines]
    report(calls, watch, seconds)
    if outage:
        after_outage(calls, watch, began, outage_at)
    memory = memory_by_process(site)
    for name, cpu in (cpu_by_process(site) | {"callers": used_by_callers}).items():
        print(f"  {name:10} {(cpu - used.get(name, 0)) / seconds / CORES:4.0%} of {CORES} cores   {memory.get(name, 0):5.0f} MB")
    connection.close()  # PostgreSQL waits for it when it ends


def report(calls: list[Call], watch: Watch, seconds: float) -> None:
    answered = [call for call in calls if not call.problem]
    took = [call.took_s for call in answered]
    print(f"  {len(answered)} calls answered, {len(answered) / seconds:.1f}/s; {len(calls) - len(answered)} not answered")
    for problem, count in Counter(call.problem for call in calls if call.problem).most_common(5):
        print(f"    {count:6} {problem}")
    shares = {"p50": 0.5, "p95": 0.95, "p99": 0.99, "longest": 1}
    print("  answer: " + ", ".join(f"{name} {percentile(took, share) * 1000:.0f} ms" for name, share in shares.items()))
    intervals = Counter(call.interval_s for call in answered)
    print("  intervals: " + ", ".join(f"{interval} s ({count})" for interval, count in sorted(intervals.items())))
    most = max((count for _, count in watch.silent), default=0)
    print(f"  nodes wrongly shown as silent: at most {most} in {len(watch.silent)} looks   {verdict(most, 0, at_most=True)}")
    for page, times in watch.pages.items():
        print(f"  {page:20} {spread(times)}")
    every = percentile([took_s for times in watch.pages.values() for took_s in times], 0.95)
    print(f"  all pages: p95 {every * 1000:.0f} ms, {watch.refused} refused   {verdict(every, GOAL_PAGE_S, at_most=True)}")


def after_outage(calls: list[Call], watch: Watch, began: float, outage_at: float) -> None:
    """How the calls came back: how many began in each span before and after the database was back."""
    back_at = outage_at + OUTAGE_S
    before = sum(outage_at - 60 <= call.at < outage_at for call in calls) / min(60, outage_at - began)
    spans = Counter(int((call.at - back_at) // BUCKET_S) for call in calls if call.at >= back_at)
    rates = [spans[number] / BUCKET_S for number in range(max(spans, default=0))]
    print(
        f"  database stopped for {OUTAGE_S} s. Calls begun in a second before: {before:.0f}. In each {BUCKET_S} s afterwards, also in a second:"
    )
    print("    " + " ".join(f"{rate:.0f}" for rate in rates[:36]))
    failed = [call.at - back_at for call in calls if call.problem and call.at >= outage_at]
    print(f"  calls without an answer: {len(failed)}, the last began {max(failed, default=0):.0f} s after the database was back")
    late = max((count for at, count in watch.silent if at > back_at), default=0)
    print(f"  nodes shown as silent after the database was back: at most {late}   {verdict(late, 0, at_most=True)}")
