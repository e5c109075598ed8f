"""Choices of a site that have bounds."""

import os
import subprocess
import sys

import pytest

TOLD = "import django; django.setup(); from nodes.models import SILENT_AFTER; from django.conf import settings; print(settings.QMC_HEARTBEAT_S, SILENT_AFTER.seconds)"


@pytest.mark.parametrize(("asked", "told"), [("0", "1 180"), ("60", "60 180"), ("900", "900 2700"), ("90000", "3600 10800")])
def test_heartbeats_have_bounds_and_three_missed_ones_are_silence(asked: str, told: str) -> None:
    environment = os.environ | {"QMC_HEARTBEAT_S": asked, "DJANGO_SETTINGS_MODULE": "qmc.settings"}
    answer = subprocess.run([sys.executable, "-c", TOLD], capture_output=True, text=True, check=True, env=environment)
    assert answer.stdout.split("\n")[0] == told
