"""The audit log: one writer order under many processes, and a chain that shows every change."""

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
WRITER = """
import django; django.setup()
from django.utils import timezone
from audit.actors import Actor
from audit.record import record
from certs.models import TrustZone
zone = TrustZone.objects.get()
for number in range(25):
    record(actor=Actor("user", "writer"), action="test", target=zone, detail={"number": number}, now=timezone.now())
"""
ZONE = """
import django; django.setup()
from django.utils import timezone
from certs.models import TrustZone
TrustZone.objects.create(name="central.example", created_at=timezone.now())
"""


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    found = os.environ | {"QMC_DATA_DIR": str(tmp_path), "DJANGO_SETTINGS_MODULE": "qmc.settings"}
    subprocess.run([sys.executable, "manage.py", "migrate", "-v0"], cwd=ROOT, check=True, env=found)
    subprocess.run([sys.executable, "-c", ZONE], cwd=ROOT, check=True, env=found)
    return found


def verify(environment: dict[str, str]) -> tuple[int, str]:
    ended = subprocess.run(
        [sys.executable, "manage.py", "verify_audit"], cwd=ROOT, capture_output=True, text=True, check=False, env=environment
    )
    return ended.returncode, ended.stdout + ended.stderr


def test_eight_concurrent_writers_leave_one_whole_chain(environment: dict[str, str], tmp_path: Path) -> None:
    writers = [subprocess.Popen([sys.executable, "-c", WRITER], cwd=ROOT, env=environment) for _ in range(8)]
    assert [writer.wait(60) for writer in writers] == [0] * 8
    assert verify(environment) == (0, "200 events, chain whole\n")
    with sqlite3.connect(tmp_path / "db.sqlite3") as database:
        database.execute("update audit_event set actor = 'somebody else' where sequence = 100")
    database.close()
    code, text = verify(environment)
    assert (code, "event 100" in text) == (1, True)
