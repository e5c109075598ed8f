"""A Python program on a new site, whose database several threads of it use at once."""

import contextlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from sitekit.engines import need, postgresql
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
