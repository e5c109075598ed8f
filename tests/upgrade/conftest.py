"""Data directories that `init` made, on the disk. They are made once and copied for each test."""

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.utils import ConnectionHandler

from tests.environment import QUICK
from tests.site_template import settings_of

ROOT = Path(__file__).parent.parent.parent


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
    """The data directory of an initialized, stopped site."""
    return Path(shutil.copytree(data_template, tmp_path / "var", symlinks=True))


@pytest.fixture
def data_settings(data: Path, settings: Any) -> None:
    """The settings of a process that has the data directory."""
    for name, path in settings_of(data).items():
        setattr(settings, name, path)


@contextmanager
def opened(data: Path) -> Iterator[BaseDatabaseWrapper]:
    """A connection of its own, by a name that Django's recorder of migrations finds."""
    database = {"ENGINE": "django.db.backends.sqlite3", "NAME": str(data / "db.sqlite3")}
    connections.databases["opened"] = ConnectionHandler({"default": database}).databases["default"]
    try:
        yield connections["opened"]
    finally:
        connections["opened"].close()
        del connections["opened"], connections.databases["opened"]


def change(data: Path, *statements: str) -> None:
    with closing(sqlite3.connect(data / "db.sqlite3")) as database, database:
        for statement in statements:
            database.execute(statement)
