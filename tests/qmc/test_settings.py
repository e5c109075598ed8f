"""Choices of a site that have bounds."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import call_command
from django.core.management.base import SystemCheckError

from agent.files import NotPossible
from qmc.settings import database_of
from storage.data_directory import data_directory_prepare

TOLD = "import django; django.setup(); from nodes.models import SILENT_AFTER; from django.conf import settings; print(settings.QMC_HEARTBEAT_S, SILENT_AFTER.seconds)"


@pytest.mark.parametrize(("asked", "told"), [("0", "1 180"), ("60", "60 180"), ("900", "900 2700"), ("90000", "3600 10800")])
def test_heartbeats_have_bounds_and_three_missed_ones_are_silence(asked: str, told: str) -> None:
    environment = os.environ | {"QMC_HEARTBEAT_S": asked, "DJANGO_SETTINGS_MODULE": "qmc.settings"}
    answer = subprocess.run([sys.executable, "-c", TOLD], capture_output=True, text=True, check=True, env=environment)
    assert answer.stdout.split("\n")[0] == told


@pytest.mark.parametrize(
    "url", ["no URL", "postgres://u:a-secret@127.0.0.1:99999/x", "mysql://u:a-secret@db.example/x", "postgres://u:a-secret[@h/x"]
)
def test_a_database_that_cannot_be_used_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(SystemExit, match="Give postgres://USER") as refused:
        database_of(url)
    assert "a-secret" not in str(refused.value)


def test_a_number_that_is_none_is_named() -> None:
    answer = subprocess.run(
        [sys.executable, "-c", "import qmc.settings"], capture_output=True, text=True, env=os.environ | {"QMC_HEARTBEAT_S": "5m"}
    )
    assert (answer.returncode, answer.stderr) == (1, "QMC_HEARTBEAT_S is '5m'. Give seconds, 1 to 3600, or unset it for 60.\n")


@pytest.mark.parametrize("place", ["file", "file/below"])
def test_a_data_directory_that_cannot_be_made_is_named(tmp_path: Path, settings, place: str) -> None:
    (tmp_path / "file").touch()
    settings.QMC_DATA_DIR = tmp_path / place
    with pytest.raises(NotPossible, match=r"cannot be used: .* Choose a directory with --data-dir"):
        data_directory_prepare()


def test_a_site_in_order_has_nothing_that_check_names(founded: Path) -> None:
    call_command("check", deploy=True, fail_level="DEBUG")


@pytest.mark.parametrize("content", [None, b"another passphrase"])
def test_check_names_a_root_passphrase_that_opens_nothing(founded: Path, settings, content: bytes | None) -> None:
    settings.ROOT_PASSPHRASE_FILE.unlink()
    if content:
        settings.ROOT_PASSPHRASE_FILE.write_bytes(content)
    with pytest.raises(SystemCheckError, match=r"qmc\.E031"):
        call_command("check", deploy=True)
