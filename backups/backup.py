"""`backup`: the whole site in one file, and the trial restore that proves it. A command or a worker runs it, because web processes have no root passphrase."""

import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from django.conf import settings
from django.db import transaction

from agent.files import replace
from agent.store import Store
from audit.actors import Actor
from audit.record import record
from backups.archive import CENTRAL_KEY, DATA, NODE, ROOTS, SECRET_KEY, Archive, BackupError, Origin, passphrase_checked, seal
from backups.audit_log import log_held, log_members
from backups.dump import contains, one_moment, rows_dump, rows_of
from certs.central_key.services import central_keys_proved
from certs.certificates.issuer import root_key
from certs.models import Certificate, DatabaseKey, TrustZone
from jobs.services import periodic
from pki.core import keys
from pki.exchange import central_key
from sealing.errors import ZoneMissing
from sealing.local_keys import key_ring

VERIFIED, LONGEST_TRIAL_S = "verified backup", 3600
BACKUP_PATIENCE = timedelta(days=7)  # an older backup becomes a need


@dataclass(frozen=True)
class Made:
    """What a backup contains: its secrets in words, and the number of nodes and certificates."""

    contains: str
    nodes: int
    certificates: int


def backup_make(*, file: Path, passphrase: str, actor: Actor, now: datetime) -> Made:
    """Write the backup to `file`, which must not exist yet. Returns what it contains. Raises: BackupError, TrustZoneError, PKIError, OSError."""
    passphrase_checked(passphrase)
    if file.exists():
        raise BackupError(f"{file} exists already, and a backup never replaces a file. Choose another name, or move that file.")
    store = Store(settings.NODE_STORE).files()
    with log_held(now), one_moment():
        zone = _zone_with_its_keys()
        members = {DATA: rows_dump(), SECRET_KEY: settings.SECRET_KEY_FILE.read_bytes()}
        members[CENTRAL_KEY] = central_key.written(central_keys_proved().values())
        members |= {f"{ROOTS}{row.pk}.pem": _root_key(row, passphrase) for row in Certificate.objects.exclude(encrypted_private_key=None)}
        members |= log_members(passphrase)
        if Store(settings.NODE_STORE).files() != store:
            raise BackupError(
                "The central node has just got new certificates, so database and store do not match. Nothing was written. Try again."
            )
    members |= {f"{NODE}{name}": content for name, content in store.items()}
    archive = Archive(Origin(now, str(zone.pk), zone.name), members)
    try:
        replace(file, seal(archive, passphrase))
    except OSError as exc:
        raise BackupError(
            f"{file} could not be written: {exc.strerror}. Nothing was kept. Free space there, or choose another folder."
        ) from exc
    made = Made(contains(archive), *(rows_of(archive, label) for label in ("nodes.node", "certs.certificate")))
    record(actor=actor, action="backup.made", target=zone, detail={"file": file.name, "contains": made.contains}, now=now)
    return made


def _zone_with_its_keys() -> TrustZone:
    zone = TrustZone.objects.current()
    if zone is None:
        raise ZoneMissing
    at_hand = key_ring().keys
    if missing := [str(database_key) for database_key in DatabaseKey.objects.live() if database_key.key_id not in at_hand]:
        raise BackupError(
            f"This machine's service certificates do not open {', '.join(missing)}. Without it, the values that it encrypts could not be restored. Nothing was "
            "written. Try again in a minute. If the problem stays, renew the central node's certificates."
        )
    return zone


def _root_key(row: Certificate, passphrase: str) -> bytes:
    return keys.to_encrypted_pem(root_key(row), passphrase.encode())


def backup_verify(*, file: Path, passphrase: str, actor: Actor, now: datetime) -> str:
    """Restore `file`, made at `now`, on trial, and record the result. Returns the report of the trial. Raises: BackupError."""
    with periodic(name=VERIFIED, every=timedelta(0), now=now):
        report = _trial(file, passphrase)
    with transaction.atomic():
        record(actor=actor, action="backup.verified", target=TrustZone.objects.get(), detail={"file": file.name}, now=now)
    return report


def _trial(file: Path, passphrase: str) -> str:
    """The command that a person would use, on SQLite, with a data directory and a root passphrase of its own."""
    foreign = ("QMC_", "DATABASE_URL", "CELERY_BROKER_URL")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    for left in settings.QMC_DATA_DIR.glob(".trial-*"):  # left by a trial that was terminated
        if time.time() - left.stat().st_mtime > LONGEST_TRIAL_S:
            shutil.rmtree(left)
    receive, send = os.pipe()  # the passphrase is never on a disk
    try:
        with os.fdopen(send, "wb") as pipe:
            pipe.write(passphrase.encode())
        with TemporaryDirectory(prefix=".trial-", dir=settings.QMC_DATA_DIR) as folder:
            words = ["restore", str(file.absolute()), "--passphrase-file", f"/dev/fd/{receive}", "--data-dir", folder]
            ended = subprocess.run(  # noqa: S603
                [sys.executable, "-m", "qmc", *words], env=environment, cwd=settings.BASE_DIR, pass_fds=[receive],
                stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
            )  # fmt: skip
    finally:
        os.close(receive)
    if ended.returncode:
        raise BackupError(
            f"The trial restore of {file} failed, so do not rely on this file: {ended.stderr.strip()[-400:].removeprefix('CommandError: ')}"
        )
    return ended.stdout
