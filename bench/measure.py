"""Shared by the benches: CPU seconds by process, percentiles and verdicts."""

import contextlib
import math
import os
import time
from collections.abc import Sequence
from pathlib import Path

from sitekit.fleet import Fleet
from sitekit.site import Site

CORES = os.cpu_count() or 1
TICK = os.sysconf("SC_CLK_TCK")
NAMES = ("console", "node-api", "worker", "beat", "agent")


def _processes() -> dict[int, tuple[int, float]]:
    """Process id → parent and CPU seconds, with those of its ended children."""
    found = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            # The name, in brackets, can have spaces.
            words = path.read_text().rpartition(")")[2].split()
            found[int(path.parent.name)] = int(words[1]), sum(map(int, words[11:15])) / TICK
    return found


def _name(pid: int) -> str:
    words = Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")
    return next((name for name in NAMES if name in words), "other")


def _of_site(site: Site, found: dict[int, tuple[int, float]]) -> list[int]:
    """The site's processes, without their supervisor and their children."""
    return [pid for pid, (parent, _) in found.items() if parent == site.process.pid] + [process.pid for process in site.further.values()]


def cpu_by_process(site: Site) -> dict[str, float]:
    """CPU seconds of the site's processes by name, their children included."""
    found = _processes()

    def with_children(pid: int) -> float:
        return found[pid][1] + sum(with_children(child) for child, (parent, _) in found.items() if parent == pid)

    used = {"up": found[site.process.pid][1]}
    for pid in _of_site(site, found):
        used[_name(pid)] = used.get(_name(pid), 0) + with_children(pid)
    return used


def memory_by_process(site: Site) -> dict[str, float]:
    """Megabytes of memory of the site's processes by name, without their children."""
    pages = {pid: int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in _of_site(site, _processes())}
    return {_name(pid): count * os.sysconf("SC_PAGE_SIZE") / 1e6 for pid, count in pages.items()}


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` of all do not exceed (nearest rank)."""
    return sorted(values)[max(math.ceil(len(values) * share) - 1, 0)]


def spread(values: Sequence[float]) -> str:
    return f"p50 {percentile(values, 0.5) * 1000:6.0f} ms   p95 {percentile(values, 0.95) * 1000:6.0f} ms   ({len(values)})"


def verdict(value: float, goal: float, *, at_most: bool = False) -> str:
    """Words for the goal, and whether `value` reaches it."""
    reached = value <= goal if at_most else value >= goal
    return f"goal {'<=' if at_most else '>='} {goal:g}: {'reached' if reached else 'missed'}"


def busy_seconds() -> float:
    """CPU seconds of all processes on this machine since it started."""
    user, nice, system, _, _, interrupts, soft, *_ = map(int, Path("/proc/stat").read_text().split()[1:9])
    return (user + nice + system + interrupts + soft) / TICK


def cpu_of_all(site: Site, fleet: Fleet) -> dict[str, float]:
    """CPU seconds since the start of the site's processes, the light agents, this process, and all other processes here."""
    ours = cpu_by_process(site) | {"fleet": fleet.cpu_seconds(), "clients": time.process_time()}
    return ours | {"(others)": busy_seconds() - sum(ours.values())}


def table(cpu: dict[str, float], nodes: int, wall: float) -> None:
    """The CPU time of each part, in milliseconds per node."""
    for name, seconds in sorted(cpu.items(), key=lambda part: -part[1]):
        print(f"  {name:10} {seconds / nodes * 1000:7.0f} ms   {seconds / wall / CORES:4.0%} of the cores")
    print(f"  {'not used':10} {(wall * CORES - sum(cpu.values())) / nodes * 1000:7.0f} ms")
