"""What the benches share: CPU seconds by process, percentiles, keys made ahead, and a site in a folder of its own."""

import contextlib
import os
import sqlite3
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.site.conftest import Site

TICK = os.sysconf("SC_CLK_TCK")
NAMES = ("console", "node-api", "worker", "beat", "agent")


def _processes() -> dict[int, tuple[int, float]]:
    """Process id → parent and CPU seconds, with those of its ended children."""
    found = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            # The name, in brackets, may hold spaces.
            words = path.read_text().rpartition(")")[2].split()
            found[int(path.parent.name)] = int(words[1]), sum(map(int, words[11:15])) / TICK
    return found


def _name(pid: int) -> str:
    words = Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")
    return next((name for name in NAMES if name in words), "other")


def cpu_by_process(site: Site) -> dict[str, float]:
    """CPU seconds of each process that the site supervises, its own children included."""
    found = _processes()

    def whole(pid: int) -> float:
        return found[pid][1] + sum(whole(child) for child, (parent, _) in found.items() if parent == pid)

    supervised = [pid for pid, (parent, _) in found.items() if parent == site.process.pid]
    return {_name(pid): whole(pid) for pid in supervised} | {"up": found[site.process.pid][1]}


def percentile(values: Sequence[float], share: float) -> float:
    return sorted(values)[min(int(len(values) * share), len(values) - 1)]


def spread(values: Sequence[float]) -> str:
    return f"p50 {percentile(values, 0.5) * 1000:6.0f} ms   p95 {percentile(values, 0.95) * 1000:6.0f} ms   ({len(values)})"


def verdict(value: float, goal: float, *, at_most: bool = False) -> str:
    """The goal, and whether `value` reaches it."""
    reached = value <= goal if at_most else value >= goal
    return f"goal {'<=' if at_most else '>='} {goal:g}: {'reached' if reached else 'missed'}"


def keys_ahead(site: Site) -> int:
    """How many private keys wait for registrations to come."""
    with contextlib.closing(sqlite3.connect(f"file:{site.data}/db.sqlite3?mode=ro", uri=True)) as database:
        return int(database.execute("SELECT count(*) FROM certs_pooledkey").fetchone()[0])


@contextlib.contextmanager
def running_site() -> Iterator[Site]:
    """A fresh site without agents of its own, gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        site = Site(Path(folder) / "var", agents=0)
        try:
            site.start()
            yield site
        finally:
            site.stop()
