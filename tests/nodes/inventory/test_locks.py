"""A transaction locks the rows that it changes, before it reads them and before its first event.

Otherwise, on PostgreSQL, two transactions wait for each other, or one of two changes is lost.
"""

from pathlib import Path

from tests.programs import printed_by

# A worker has changed the row of a certificate, and records its event only when the other transaction waits for a lock.
MEETINGS = """
import json, threading, time
import django; django.setup()
from django.db import connection, transaction
from django.utils import timezone
from audit.actors import SYSTEM
from tests.whole_log import verify
from audit.record import record
from backups.models import BackupSchedule
from backups.schedule import schedule_change
from certs.exports.services import export_revoke
from certs.keys.services import key_types_of_site, key_types_set
from certs.models import Certificate
from certs.roots.services import root_drop
from nodes.registration.decommission import node_decommission
from nodes.registration.services import registration_fail
from pki.issuing.revocation_list import RevocationCode
from tests import factories

now = timezone.now()
issuing = factories.node("rim1", at=now, state="issuing", generation=1)
node, export = factories.node("rim2", at=now, generation=1), factories.export(at=now)
root = factories.certificate("root", holder_id=None, at=now, generation=2)
certificates = {
    "registration failed": factories.certificate("service", holder_id=issuing.pk, at=now, generation=1),
    "decommissioned": factories.certificate("service", holder_id=node.pk, at=now, generation=1),
    "export revoked": factories.certificate("service", holder_id=export.pk, at=now, generation=1),
    "root removed": factories.certificate("client", holder_id=root.pk, at=now, generation=2, issuer=root),
}
changes = {
    "registration failed": lambda: registration_fail(node=issuing, reason="test", now=now),
    "decommissioned": lambda: node_decommission(actor=SYSTEM, node=node, now=now),
    "export revoked": lambda: export_revoke(actor=SYSTEM, export=export, reason="test", code=RevocationCode.UNSPECIFIED, now=now),
    "root removed": transaction.atomic(lambda: root_drop(root=root, reason="test", now=now)),
}

def is_awaited():
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
        return cursor.fetchone()[0] > 0

def worker(certificate, holds, outcomes):
    try:
        with transaction.atomic():
            Certificate.objects.filter(pk=certificate.pk).update(reason="changed by the worker")
            holds.set()
            deadline = time.monotonic() + 20
            while not is_awaited() and time.monotonic() < deadline:
                time.sleep(0.02)
            outcomes.append("met" if time.monotonic() < deadline else "nobody waited")
            record(actor=SYSTEM, action="certificate.transition", target=certificate, detail={}, now=now)
    except Exception as exc:
        outcomes.append(repr(exc))
    finally:
        connection.close()

def change(function, holds, outcomes):
    holds.wait()
    try:
        function()
        outcomes.append("changed")
    except Exception as exc:
        outcomes.append(repr(exc))
    finally:
        connection.close()

found = {}
for name, certificate in certificates.items():
    holds, outcomes = threading.Event(), found.setdefault(name, [])
    threads = [threading.Thread(target=worker, args=[certificate, holds, outcomes]), threading.Thread(target=change, args=[changes[name], holds, outcomes])]
    for thread in threads: thread.start()
    for thread in threads: thread.join()

def first_person(function, holds, outcomes):
    with transaction.atomic():
        function()
        holds.set()
        deadline = time.monotonic() + 20
        while not is_awaited() and time.monotonic() < deadline:
            time.sleep(0.02)
        outcomes.append("met" if time.monotonic() < deadline else "nobody waited")
    connection.close()

def schedule(keep):
    schedule_change(actor=SYSTEM, every="day", weekday=1, hour=1, keep=keep, now=now)

settings = {
    "key types": [lambda kind=kind: key_types_set(actor=SYSTEM, types={kind: "RSA-4096"}, now=now) for kind in ("service", "client")],
    "schedules": [lambda keep=keep: schedule(keep) for keep in (3, 4)],
}
for name, (first, second) in settings.items():
    holds, outcomes = threading.Event(), found.setdefault(name, [])
    threads = [threading.Thread(target=first_person, args=[first, holds, outcomes]), threading.Thread(target=change, args=[second, holds, outcomes])]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
types = key_types_of_site()
found["kept"] = [types["service"], types["client"], [row.keep for row in BackupSchedule.objects.all()]]
print(json.dumps(found | {"events": verify()}))
"""


def test_no_two_transactions_wait_for_each_other(tmp_path: Path) -> None:
    found = printed_by(MEETINGS, on="production", folder=tmp_path / "var")
    assert found.pop("events")
    assert found.pop("kept") == ["RSA-4096", "RSA-4096", [4]], "one of two people who save at once is lost, or there are two schedules"
    changes = "registration failed", "decommissioned", "export revoked", "root removed", "key types", "schedules"
    assert found == {key: ["met", "changed"] for key in changes}
