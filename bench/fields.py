"""Measure how fast encrypted fields are read and re-encrypted, compared with bare AES-256-GCM over the same values in the same run.

    python -m bench.fields [ROWS]

The database is measured too: the same rows read without decryption, and updated one by one without
sealing them.
"""

import argparse
import os
import secrets
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import django
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

LENGTH = 24  # bytes of a password


def timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def own_store(home: Path) -> tuple[str, str]:
    """A store that opens two database keys. Returns their key ids, the old one first."""
    from agent.store import Store
    from pki.core.database_key import DatabaseKey
    from pki.core.roles import Kind
    from sitekit.authority import make_authority

    authority = make_authority()
    newer = replace(authority, database_key=DatabaseKey.generate())
    package = authority.package(service=newer.pair(Kind.SERVICE), further_service_pairs=(authority.pair(Kind.SERVICE),))
    Store(home).install(package, now=authority.now)
    return authority.database_key.key_id.hex(), newer.database_key.key_id.hex()


def bare(values: list[bytes]) -> tuple[float, float]:
    """Seconds to open, and to open and seal again, with nothing around the cipher."""
    old, new, place = AESGCM(secrets.token_bytes(32)), AESGCM(secrets.token_bytes(32)), b"table\0column\0" + b"0" * 36
    sealed = [(nonce := secrets.token_bytes(12), old.encrypt(nonce, value, place)) for value in values]
    opening = timed(lambda: [old.decrypt(nonce, ciphertext, place) for nonce, ciphertext in sealed])
    anew = timed(
        lambda: [new.encrypt(secrets.token_bytes(12), old.decrypt(nonce, ciphertext, place), place) for nonce, ciphertext in sealed]
    )
    return opening, anew


def measure(rows: int) -> None:
    from django.conf import settings
    from django.core.management import call_command
    from django.db import transaction

    from certs.database_key.services import reencrypt
    from certs.models import DatabaseKey
    from certs.states import DatabaseKeyStatus
    from nodes.models import Connection
    from sealing.walk import BATCH

    call_command("migrate", verbosity=0)
    old, new = own_store(settings.NODE_STORE)
    now, values = datetime.now(UTC), [secrets.token_bytes(LENGTH) for _ in range(rows)]
    first = DatabaseKey.objects.create(version=1, status="writing", key_id=old, algorithm="AES-256-GCM", created_at=now, status_since=now)
    second = DatabaseKey.objects.create(
        version=2, status="delivered", key_id=new, algorithm="AES-256-GCM", created_at=now, status_since=now
    )
    Connection.objects.bulk_create(
        Connection(name=str(number), type="odbc", connection_string="bench", created_at=now, changed_at=now, password=password)
        for number, password in enumerate(values)
    )
    opening, anew = bare(values)

    unopened = timed(lambda: [row.password for row in Connection.objects.iterator()])
    reading = timed(lambda: [row.password.open() for row in Connection.objects.iterator()])

    def touch() -> None:
        ids = list(Connection.objects.values_list("pk", flat=True))
        for start in range(0, rows, BATCH):
            with transaction.atomic():
                for pk in ids[start : start + BATCH]:
                    Connection.objects.filter(pk=pk, type="odbc").update(created_at=now)

    touching = timed(touch)
    DatabaseKey.objects.filter(pk=first.pk).update(status=DatabaseKeyStatus.READING)
    DatabaseKey.objects.filter(pk=second.pk).update(status=DatabaseKeyStatus.WRITING)
    second.refresh_from_db()
    walked = []
    moving = timed(lambda: walked.append(reencrypt(version=second, until=datetime.now(UTC) + timedelta(hours=1))))
    assert (walked[0].complete, walked[0].moved) == (True, rows), walked

    print(f"{rows} values of {LENGTH} bytes, SQLite, one process")
    print(f"  bare AES-256-GCM            opened {rows / opening:9.0f}/s    re-encrypted         {rows / anew:9.0f}/s")
    print(f"  the database alone          read   {rows / unopened:9.0f}/s    updated                {rows / touching:9.0f}/s")
    print(f"  encrypted field             read   {rows / reading:9.0f}/s    re-encrypted           {rows / moving:9.0f}/s")
    print(f"  of the bare cipher          read   {opening / reading:9.3f}      re-encrypted           {anew / moving:9.3f}")
    print(
        f"  of cipher and database      read   {(opening + unopened) / reading:9.2f}      re-encrypted           {(anew + touching) / moving:9.2f}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.fields", description="Encrypted fields against bare AES-256-GCM.")
    parser.add_argument("rows", nargs="?", type=int, default=5000)
    rows = parser.parse_args().rows
    with TemporaryDirectory() as folder:
        os.environ |= {"QMC_DATA_DIR": folder, "DJANGO_SETTINGS_MODULE": "qmc.settings"}
        os.environ.pop("DATABASE_URL", None)
        django.setup()
        measure(rows)


if __name__ == "__main__":
    main()
