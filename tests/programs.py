"""Python programs on a new site: one whose threads use its database at once, or several processes."""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from sitekit.engines import engine, need, postgresql
from tests.environment import QUICK
from tests.upgrade.conftest import ROOT, manage


def printed_by(program: str, *arguments: str, on: str, folder: Path) -> Any:
    """The JSON that `program` prints, on a new site with the data directory `folder` and the database of the engine `on`."""
    need(on)
    with postgresql() if on == "production" else contextlib.nullcontext("") as url:
        database = {"DATABASE_URL": url} if url else {}
        made = manage(folder, "init", "--host-name", "central.example", **database)
        assert made.returncode == 0, made.stderr
        environment = os.environ | QUICK | {"QMC_DATA_DIR": str(folder), "DJANGO_SETTINGS_MODULE": "qmc.settings"} | database
        command = [sys.executable, "-c", program, *arguments]
        ended = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=600)
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout)


@contextlib.contextmanager
def site_processes(on: str, folder: Path) -> Iterator[Callable[..., "subprocess.Popen[bytes]"]]:
    """Starts processes on a new site on the engine `on`. None of them may leave a traceback."""
    data, log = folder / "var", folder / "log"
    with contextlib.ExitStack() as stack:
        its_own = stack.enter_context(engine(on, folder / "engine"))
        made = manage(data, "init", "--host-name", "central.example", **its_own)
        assert made.returncode == 0, made.stderr
        site = {"DJANGO_SETTINGS_MODULE": "qmc.settings", "QMC_DATA_DIR": str(data), "QMC_OUTBOUND_NETWORKS": "127.0.0.0/8"}

        def start(code: str, *words: str) -> "subprocess.Popen[bytes]":
            with log.open("ab") as output:
                command, environment = [sys.executable, "-c", code, *words], os.environ | QUICK | site | its_own
                found = stack.enter_context(subprocess.Popen(command, cwd=ROOT, env=environment, stderr=output))
            stack.callback(found.kill)
            return found

        yield start
        assert "Traceback" not in log.read_text(), log.read_text()[-5000:]
