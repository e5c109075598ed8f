"""Python loads this file at the start of every process of a site under test: the steps of `tests/faults/steps.py` obey the tests.

A test asks by a file `<step>@<node>` in the folder QMC_FAULTS, holding {"fault", "name", "id"}. The first process that reaches the
step for that node renames it to `<step>@<node>.reached.<its process id>` (so each request is obeyed once), and then stops until
`<step>@<node>.go` appears (`<step>@<node>.late` says that it did not wait for ever), or fails as it would on a full disk or without permission, or loses its power.
"""

import contextlib
import errno
import functools
import importlib.abc
import importlib.machinery
import importlib.util
import json
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from tests.faults.steps import EVERY_STEP, SHORT, Step

PROCESSES = {"console": "console", "node-api": "node-api", "celery": "worker", "agent": "agent"}
LONGEST_PAUSE_S = 60
ERRORS = {"full disk": errno.ENOSPC, "no permission": errno.EACCES}
renamed: list[tuple[Path, Path, Any]] = []


def process() -> str:
    """Which of the site's processes this is."""
    return next((PROCESSES[program] for program in map(os.path.basename, getattr(sys, "orig_argv", [])) if program in PROCESSES), "")


def fail(step: Step, fault: str) -> None:
    """As the operating system or the database would. Raises: OSError in the agent, OperationalError elsewhere."""
    number = ERRORS[fault]
    if step.where == "agent":
        raise OSError(number, os.strerror(number))
    from django.db import OperationalError  # noqa: PLC0415  (the agent has no Django)

    raise OperationalError({errno.ENOSPC: "database or disk is full", errno.EACCES: "attempt to write a readonly database"}[number])


def lose_power(descriptor: int) -> None:
    """What was not synced is gone: half of the file, or the renames in the folder. Then nothing runs any more."""
    path = Path(os.readlink(f"/proc/self/fd/{descriptor}"))
    if path.is_dir():
        undo_renames(path)
    else:
        os.truncate(path, path.stat().st_size // 2)
    os.kill(os.getpid(), signal.SIGKILL)


def undo_renames(folder: Path) -> None:
    for source, target, before in reversed([rename for rename in renamed if rename[1].parent == folder]):
        if before is None:
            os.rename(target, source)
        elif isinstance(before, bytes):
            target.write_bytes(before)
        else:
            target.unlink()
            target.symlink_to(before)


def remembered(change: Callable[..., Any]) -> Callable[..., Any]:
    """Renames are remembered until their folder is synced, so that a loss of power can undo them."""

    @functools.wraps(change)
    def inner(source: Path, target: Any) -> Any:
        there = Path(target)
        before = os.readlink(there) if there.is_symlink() else there.read_bytes() if there.is_file() else None
        renamed.append((Path(source).absolute(), there.absolute(), before))
        return change(source, target)

    return inner


def reached(step: Step, arguments: tuple[Any, ...], shown: Callable[[], str]) -> None:
    """Obey what a test asks at this step, if it asks."""
    folder = Path(os.environ["QMC_FAULTS"])
    requests = [name for name in os.listdir(folder) if name.startswith(f"{step.name}@") and "." not in name]
    if not requests or process() != step.where:
        return
    seen = shown()
    for asked in requests:
        with contextlib.suppress(FileNotFoundError):
            request = json.loads((folder / asked).read_text())
            mine = step.where in ("agent", "console") or request["name"] in seen or request["id"] in seen
            if mine and step.match.format(name=request["name"]) in seen:
                (folder / asked).rename(folder / f"{asked}.reached.{os.getpid()}")
                obey(step, request["fault"], folder / f"{asked}.go", arguments)
                return


def obey(step: Step, fault: str, go: Path, arguments: tuple[Any, ...]) -> None:
    if fault in ERRORS:
        fail(step, fault)
    if fault == "power loss":
        lose_power(arguments[0])
    deadline = time.monotonic() + LONGEST_PAUSE_S
    while not go.exists():
        if time.monotonic() > deadline:
            go.with_suffix(".late").touch()
            return
        time.sleep(0.02)


def wrapped(step: Step, function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def inner(*positional: Any, **named: Any) -> Any:
        if step.when == "before":
            reached(step, positional, lambda: repr((positional, named)))
        result = function(*positional, **named)
        if step.when == "after":
            reached(step, positional, lambda: repr((positional, named, result)))
        return result

    return inner


def prepare(module: ModuleType) -> None:
    """Wrap the steps of a module that was just loaded, and shorten its clocks."""
    for step in EVERY_STEP:
        name, _, attribute = step.target.partition(":")
        if name == module.__name__:
            *owners, last = attribute.split(".")
            owner = functools.reduce(getattr, owners, module)
            setattr(owner, last, wrapped(step, getattr(owner, last)))
    for constant, value in SHORT.get(module.__name__, {}).items():
        setattr(module, constant, value)


class Hook(importlib.abc.MetaPathFinder):
    """Prepares each module of interest as soon as it is loaded."""

    modules = {step.target.partition(":")[0] for step in EVERY_STEP} | {*SHORT}

    def find_spec(self, name: str, path: Any, target: Any = None) -> importlib.machinery.ModuleSpec | None:
        if name not in self.modules:
            return None
        self.modules = self.modules - {name}
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.loader is not None:
            load = spec.loader.exec_module

            def exec_module(module: ModuleType) -> None:
                load(module)
                prepare(module)

            spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec


def synced(descriptor: int) -> None:
    """`os.fsync`, with the file's name for the steps; what a synced folder names is safe from then on."""
    path = Path(os.readlink(f"/proc/self/fd/{descriptor}"))
    for step in EVERY_STEP:
        if step.target == "os:fsync":
            reached(step, (descriptor,), lambda: repr(str(path)))
    fsync(descriptor)
    renamed[:] = [rename for rename in renamed if rename[1].parent != path]


fsync, os.fsync = os.fsync, synced
Path.replace, Path.rename = remembered(Path.replace), remembered(Path.rename)  # type: ignore[method-assign]
sys.meta_path.insert(0, Hook())
