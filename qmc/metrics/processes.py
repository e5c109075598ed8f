"""Counts and durations of all processes of this machine, in files of the data directory that `prometheus-client` reads together.

Each process takes the first number that no other process has. After a restart it goes on with the values of that number: sums that became smaller
would look like a burst of requests. docs/develop/monitoring.md, "Durations of several processes", has the reasons.
"""

import contextlib
import logging
import os
import struct
from itertools import count
from pathlib import Path

from django.conf import settings
from django.utils import timezone
from prometheus_client import Metric, values
from prometheus_client.multiprocess import MultiProcessCollector

from agent import files

log = logging.getLogger(__name__)
FOLDER, VARIABLE = "metrics", "PROMETHEUS_MULTIPROC_DIR"
# Bytes of each file of a process. They are reserved at its start, because writing to a mapped file ends the process if the disk is full.
SIZES = {"histogram": 2 * 1024 * 1024, "counter": 64 * 1024}


_held = contextlib.ExitStack()  # the locks of this process, until it ends
_numbers: dict[int, int] = {}


def folder() -> Path:
    found: Path = settings.QMC_DATA_DIR / FOLDER
    return found


def _number() -> int:
    """The number of this process. A process that was forked takes another one. Raises: OSError."""
    pid = os.getpid()
    if pid not in _numbers:
        _numbers[pid] = _take()
    return _numbers[pid]


def _take() -> int:
    """Raises: OSError."""
    for taken in count():
        try:
            _held.enter_context(files.exclusive_lock(folder() / f"{taken}.lock", now=timezone.now()))
        except files.InUse:
            continue
        for kind, size in SIZES.items():
            _reserve(folder() / f"{kind}_{taken}.db", size)
        return taken
    raise AssertionError


def _reserve(path: Path, size: int) -> None:
    """Make a file of this size whose bytes are on the disk. A damaged one is made again."""
    if path.exists() and (path.stat().st_size != size or not _is_whole(path)):
        path.unlink()
    descriptor = files.open_to_write(path, 0)
    try:
        os.posix_fallocate(descriptor, 0, size)
    finally:
        os.close(descriptor)


def _is_whole(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            (used,) = struct.unpack("i", file.read(4))
        if not 0 <= used <= path.stat().st_size:
            return False
        _merged([path])
    except Exception:  # noqa: BLE001  (the library reads what a power failure left in any way)
        return False
    return True


def durations_keep() -> None:
    """From now on, this process writes its counts and durations to files. If that is not possible, they are left out, and the log says why."""
    os.environ[VARIABLE] = str(folder())
    try:
        values.ValueClass = values.MultiProcessValue(_number)  # type: ignore[no-untyped-call]
    except OSError as exc:
        log.warning("Counts and durations of this process are not measured: %s", exc)


def durations_forget() -> None:
    """Delete the files of processes that have ended, before the first process starts. Then all sums begin at 0 together."""
    for path in folder().glob("*.lock"):
        with contextlib.suppress(files.InUse), files.exclusive_lock(path, now=timezone.now()):
            for kind in SIZES:
                (folder() / f"{kind}_{path.stem}.db").unlink(missing_ok=True)


def durations() -> list[Metric]:
    """The counts and durations of all processes of this machine."""
    found = sorted(path for kind in SIZES for path in folder().glob(f"{kind}_*.db"))
    try:
        return _merged(found)
    except Exception:  # noqa: BLE001  (a power failure damaged the file of a process that was not started again)
        return _merged([path for path in found if _is_whole(path)])


def _merged(paths: list[Path]) -> list[Metric]:
    found = list(MultiProcessCollector.merge([str(path) for path in paths]))  # type: ignore[no-untyped-call]
    for metric in found:
        # OpenMetrics requires the samples of a histogram together. The library gives all sums first.
        metric.samples.sort(key=lambda sample: sorted((name, str(value)) for name, value in sample.labels.items() if name != "le"))
    return found
