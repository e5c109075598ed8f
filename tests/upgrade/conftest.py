"""Data directories as `init` makes them, on the disk; made once, copied for each test."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.early import QUICK

ROOT = Path(__file__).parent.parent.parent
Run = Callable[..., subprocess.CompletedProcess[str]]


def manage(data: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """`manage.py` as a person runs it, with the data directory `data`."""
    around = {name: value for name, value in os.environ.items() if not name.startswith(("QMC_", "PYTHONDEVMODE"))}
    return subprocess.run(
        [sys.executable, "manage.py", *words], cwd=ROOT, env=around | QUICK | {"QMC_DATA_DIR": str(data)} | environment,
        stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip


@pytest.fixture(scope="session")
def data_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("initial") / "var"
    made = manage(folder, "init", "--host-name", "central.example")
    assert made.returncode == 0, made.stderr
    return folder


@pytest.fixture
def data(data_template: Path, tmp_path: Path) -> Path:
    """The data directory of a founded site that is stopped."""
    return Path(shutil.copytree(data_template, tmp_path / "var", symlinks=True))
