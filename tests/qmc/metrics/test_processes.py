"""Counts and durations of several processes: their sum is right whatever happens to a process."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.urls import URLPattern, get_resolver
from prometheus_client import values
from prometheus_client.mmap_dict import mmap_key

from agent import files
from jobs.durations import STEPS
from jobs.registry import handler_names
from qmc.metrics import processes
from qmc.metrics.requests import DURATIONS, METHODS

ROOT = Path(__file__).parents[3]
COUNTING = """
import json, os, signal, sys
import django
django.setup()
from qmc.metrics import processes
from qmc.metrics.requests import DURATIONS, REQUESTS

def counted():
    found = {}
    for metric in processes.durations():
        for sample in metric.samples:
            if sample.name in ("qmc_http_requests_total", "qmc_http_request_duration_seconds_count"):
                found[sample.name] = sample.value
    return found

def child(times, killed=False):
    pid = os.fork()
    if pid == 0:
        os.close(done[1])
        for _ in range(times):
            REQUESTS.labels("console", "GET", 200).inc()
            DURATIONS.labels("console", "/").observe(0.01)
        if killed:
            os.kill(os.getpid(), signal.SIGKILL)
        os.write(ready[1], b".")
        os.read(done[0], 1)
        os._exit(0)
    return pid

ready, done = os.pipe(), os.pipe()
processes.durations_forget()
processes.durations_keep()
REQUESTS.labels("console", "GET", 200).inc()
DURATIONS.labels("console", "/").observe(0.01)
pids = [child(1000), child(1000)]
os.waitpid(child(500, killed=True), 0)
counting = [os.read(ready[0], 1), os.read(ready[0], 1)]  # both children have counted
together = counted()
os.waitpid(child(0, killed=True), 0)
again = counted()
pid = child(10)
os.close(done[1])
for each in [*pids, pid]:
    os.waitpid(each, 0)
print(json.dumps({"together": together, "again": again, "end": counted(), "files": sorted(os.listdir(processes.folder()))}))
"""


def test_counts_of_several_processes_are_summed_and_survive_a_killed_one(tmp_path: Path) -> None:
    environment = os.environ | {"QMC_DATA_DIR": str(tmp_path), "DJANGO_SETTINGS_MODULE": "qmc.settings"}
    ended = subprocess.run(
        [sys.executable, "-c", COUNTING], cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=120
    )
    assert ended.returncode == 0, ended.stderr
    found: dict[str, Any] = json.loads(ended.stdout)
    assert set(found["together"].values()) == {2501}
    assert found["again"] == found["together"]
    assert set(found["end"].values()) == {2511}
    # Five processes counted, and at most four at once.
    assert len([name for name in found["files"] if name.startswith("histogram")]) == 4


@pytest.fixture
def folder(data_directory: Path) -> Iterator[Path]:
    """The folder of the files. The locks that the test takes are freed."""
    yield processes.folder()
    processes._held.close()


def test_the_files_are_private_and_reserved_on_the_disk(folder: Path) -> None:
    assert (processes._take(), processes._take()) == (0, 1)
    for kind, size in processes.SIZES.items():
        status = (folder / f"{kind}_0.db").stat()
        assert (status.st_size, status.st_mode & 0o777) == (size, 0o600)
        assert status.st_blocks * 512 >= size  # a full disk cannot end the process that writes to it


@pytest.mark.parametrize(
    "damage",
    [b"\xff" * 99, b"\0\0\0\x7f", b"\x40\0\0\0\0\0\0\0\xff\xff\xff\x7f", b"\x40\0\0\0\0\0\0\0\x04\0\0\0\xff\xff\xff\xff"],
    ids=["negative", "longer than the file", "a long key", "no text"],
)
def test_a_damaged_file_is_made_again_at_the_start_and_left_out_before(folder: Path, damage: bytes) -> None:
    processes._take()
    processes._held.close()
    (folder / "histogram_0.db").write_bytes(damage + bytes(processes.SIZES["histogram"] - len(damage)))
    (folder / "counter_7.db").write_bytes(b"\x20\0\0\0\0\0\0\0\xff\xff\xff\x7f")
    assert list(processes.durations()) == []
    processes._take()
    assert (folder / "histogram_0.db").read_bytes().count(b"\0") == processes.SIZES["histogram"]


def test_what_ended_processes_left_is_deleted_and_what_runs_is_kept(folder: Path) -> None:
    processes._take()
    processes._held.close()
    assert processes._take() == 0
    assert processes._take() == 1
    with files.exclusive_lock(folder / "2.lock", now=processes.timezone.now()):
        pass
    (folder / "histogram_2.db").write_bytes(b"")
    processes.durations_forget()
    assert sorted(path.name for path in folder.glob("*.db")) == ["counter_0.db", "counter_1.db", "histogram_0.db", "histogram_1.db"]


def test_a_process_without_room_for_its_files_works_without_them(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(processes.os, "posix_fallocate", full)
    monkeypatch.setattr(processes, "_numbers", {})
    monkeypatch.setenv(processes.VARIABLE, "")
    before = values.ValueClass
    processes.durations_keep()
    assert values.ValueClass is before
    assert "are not measured: [Errno 28]" in caplog.text


def _routes(patterns: Any, before: str = "/") -> Iterator[str]:
    for pattern in patterns:
        route = before + str(pattern.pattern)
        if isinstance(pattern, URLPattern):
            yield route
        else:
            yield from _routes(pattern.url_patterns, route)


def test_the_series_of_all_routes_and_handlers_fit_into_the_reserved_file() -> None:
    def size(metric: Any, *labels: str) -> int:
        names = [*metric._labelnames, "le"]
        key = mmap_key(metric._name, f"{metric._name}_bucket", names, [*labels, "+Inf"], metric._documentation)
        return (len(metric._upper_bounds) + 1) * (len(key) + 32)

    routes = [*_routes(get_resolver("qmc.urls").url_patterns), "static", "none"]
    assert len(routes) < 350
    requests = sum(size(DURATIONS, "console", route) for route in routes)
    steps = sum(size(STEPS, task, result) for task in [*handler_names(), "none"] for result in ("done", "retry", "failed"))
    assert len(handler_names()) < 30
    assert max(requests, steps) < processes.SIZES["histogram"] * 0.9
    assert len(METHODS) * 60 * 150 < processes.SIZES["counter"] * 2  # every method with sixty statuses
