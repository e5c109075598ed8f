"""`--wait`: read an object again until its work has ended, with a progress bar on a terminal."""

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from cli.errors import CommandError, ExitCode, StillWaiting, WorkFailed
from cli.output import console, printable
from cli.site import Row

POLL_S = 1.0


@dataclass(frozen=True)
class Step:
    """Where the work is now: a share of 1, or None if it is not known."""

    row: Row
    text: str
    share: float | None = None
    is_done: bool = False
    failure: str = ""


def wait_for(title: str, read: Callable[[], Step], *, timeout_s: float, show_with: str) -> Row:
    """The object when its work is done. A site that is away for a moment is asked again.

    Raises: WorkFailed, StillWaiting, CommandError.
    """
    deadline = time.monotonic() + timeout_s
    with _Shown(title) as shown:
        while True:
            try:
                step = read()
            except CommandError as exc:
                if exc.exit_code is not ExitCode.AWAY:
                    raise
                step = Step({}, exc.detail)
            shown.update(step)
            if step.failure:
                raise WorkFailed(f"{title}: {step.failure}", f"`{show_with}` shows it.")
            if step.is_done:
                return step.row
            if time.monotonic() >= deadline:
                raise StillWaiting(f"{title}: not done after {timeout_s:g} s ({step.text}). The work goes on.", f"`{show_with}` shows it.")
            time.sleep(POLL_S)


class _Shown:
    """A bar on a terminal; elsewhere a line for each change. Both on standard error."""

    def __init__(self, title: str) -> None:
        self.title, self.text, self.out = printable(title), "", console(error=True)
        bar = (TextColumn("{task.description}", markup=False), BarColumn(bar_width=None), TimeElapsedColumn())
        self.progress = Progress(*bar, console=self.out, transient=True, disable=not self.out.is_terminal)
        self.task: TaskID | None = None

    def __enter__(self) -> "_Shown":
        self.progress.start()
        self.task = self.progress.add_task(self.title, total=None)
        return self

    def __exit__(self, *_: object) -> None:
        self.progress.stop()

    def update(self, step: Step) -> None:
        text = printable(step.text)
        if self.out.is_terminal and self.task is not None:
            total = None if step.share is None else 1.0
            self.progress.update(self.task, description=f"{self.title}: {text}", total=total, completed=step.share or 0)
        elif text != self.text:
            sys.stderr.write(f"{self.title}: {text}\n")
        self.text = text
