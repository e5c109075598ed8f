"""A wall clock that a test moves forward, shared by all processes of a site (libfaketime). Monotonic clocks are not moved."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

INJECT = Path(__file__).parent / "inject"
ROOT = Path(__file__).parent.parent.parent


def library() -> str:
    """libfaketime, "" if it is not installed; Debian keeps it out of the loader's path."""
    return next((str(path) for path in Path("/usr/lib").glob("*/faketime/libfaketime.so.1")), "")


class Clock:
    """How far the site is ahead of this machine."""

    def __init__(self, folder: Path) -> None:
        if not library():
            pytest.skip("faketime not installed: apt-get install faketime")
        self.file, self.ahead = folder / "clock", timedelta()
        self.forward(timedelta())

    @property
    def environment(self) -> dict[str, str]:
        """The environment variables of a process that reads this clock."""
        return {
            "LD_PRELOAD": library(),
            "FAKETIME_TIMESTAMP_FILE": str(self.file),
            "FAKETIME_NO_CACHE": "1",  # the next look at the clock, in every process, sees a shift
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            # Else Python's threads wait for each other with deadlines that are long over, and do little but that.
            "FAKETIME_FORCE_MONOTONIC_FIX": "0",
            "NO_FAKE_STAT": "1",
            "PYTHONPATH": f"{INJECT}{os.pathsep}{ROOT}",
        }

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    def forward(self, by: timedelta) -> datetime:
        """Move every process's clock at once. Returns the new time."""
        self.ahead += by
        written = self.file.with_suffix(".new")
        written.write_text(f"+{self.ahead.total_seconds():.0f}\n")
        written.replace(self.file)
        return self.now()
