"""The audit log: one writer order under many processes, and a chain that shows every change."""

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
WRITERS = """
import os, sys
import django; django.setup()
from django.core.management import call_command
from django.db import connection
from django.utils import timezone
from audit.actors import Actor
from audit.record import record
from certs.models import TrustZone
call_command("migrate", verbosity=0)
zone = TrustZone.objects.create(name="central.example", created_at=timezone.now())
connection.close()  # each writer opens its own
for _ in range(8):
    if not os.fork():
        break
else:
    sys.exit(any(os.wait()[1] for _ in range(8)))
for number in range(25):
    record(actor=Actor("user", "writer"), action="test", target=zone, detail={"number": number}, now=timezone.now())
"""


def verify(environment: dict[str, str]) -> tuple[int, str]:
    ended = subprocess.run(
        [sys.executable, "manage.py", "verify_audit"], cwd=ROOT, capture_output=True, text=True, check=False, env=environment
    )
    return ended.returncode, ended.stdout + ended.stderr


def test_eight_concurrent_writers_leave_one_whole_chain(tmp_path: Path) -> None:
    environment = os.environ | {"QMC_DATA_DIR": str(tmp_path), "DJANGO_SETTINGS_MODULE": "qmc.settings"}
    subprocess.run([sys.executable, "-c", WRITERS], cwd=ROOT, check=True, env=environment, timeout=60)
    assert verify(environment) == (0, "200 events, chain whole\n")
    with sqlite3.connect(tmp_path / "db.sqlite3") as database:
        database.execute("update audit_event set actor = 'somebody else' where sequence = 100")
    database.close()
    code, text = verify(environment)
    assert (code, "event 100" in text) == (1, True)
