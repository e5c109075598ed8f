"""The audit log: one writer order under many processes, and a chain that shows every change."""

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from django.db import connection
from django.utils import timezone

from audit import record
from audit.actors import SYSTEM
from certs.models import TrustZone

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
    assert verify(environment) == (0, "200 events, the chain is intact\n")
    with sqlite3.connect(tmp_path / "db.sqlite3") as database:
        database.execute("update audit_event set actor = 'somebody else' where sequence = 100")
    database.close()
    code, text = verify(environment)
    assert (code, "event 100" in text) == (1, True)


CHANGES = {
    "edited": ("update audit_event set detail = '{\"number\": 7}' where sequence = 3", "event 3"),
    "another actor": ("update audit_event set actor = 'eve' where sequence = 2", "event 2"),
    "removed": ("delete from audit_event where sequence = 2", "event 3"),
    "the end removed": ("delete from audit_event where sequence = 5", "5 were written"),
    "two changed places": ("update audit_event set sequence = case sequence when 2 then 103 else 102 end where sequence in (2, 3)", "event 4"),
    "appended": ("insert into audit_event select hex(randomblob(16)), 6, at, actor, action, target_type, target_id, target_label, detail, digest, digest from audit_event where sequence = 5", "event 6"),
}  # fmt: skip


@pytest.mark.django_db
@pytest.mark.parametrize(("change", "found"), CHANGES.values(), ids=CHANGES.keys())
def test_a_changed_row_is_found(change: str, found: str) -> None:
    zone = TrustZone.objects.create(name="central.example", created_at=timezone.now())
    for number in range(5):
        record.record(actor=SYSTEM, action="test", target=zone, detail={"number": number}, now=timezone.now())
    assert record.verify() == 5
    with connection.cursor() as cursor:
        cursor.execute(change)
    with pytest.raises(record.ChainBroken, match=found):
        record.verify()
