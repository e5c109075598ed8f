"""Make an export: its keys and certificates, the encrypted archive, and its folder on the central node. Runs in workers."""

import functools
import os
import shutil
import uuid
from datetime import datetime, timedelta
from pathlib import Path

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from agent.files import sync_folder, write
from agent.store import Installed, Store
from audit.actors import SYSTEM, system_for
from certs.certificates.issuer import Issuer, issuer_of, issuing_root, roots_in_force
from certs.certificates.services import Draft, Intent, certificate_transition, certificate_withdraw, certificates_for
from certs.errors import StaleCertificate, StaleExport
from certs.exports.services import TASK, export_transition
from certs.keys.pool import key_take
from certs.keys.services import key_type
from certs.models import Certificate, DatabaseKey, Export
from certs.states import CertificateStatus, ExportStatus
from certs.zone.services import zone_current
from jobs.models import Job
from jobs.registry import handles
from jobs.services import job_again, job_finish
from pki.core import database_key
from pki.core.errors import PKIError
from pki.core.roles import CLIENT_NAME, Kind
from pki.foreign import export as files
from pki.issuing import issue
from sealing.errors import TrustZoneError, ZoneBroken
from sealing.local_keys import key_ring, own_store

KEPT_FOR = timedelta(hours=24)
AGAIN, ELSEWHERE_AGAIN = timedelta(seconds=1), timedelta(seconds=30)
PATIENCE = timedelta(days=7)
BY_HAND = "Delete it there yourself. It contains private keys."
REPLACED_THERE = "It is on {}, and a worker there must replace it. Until then it contains the previous files. If no worker runs there within a day, renew the export."
REMOVED_THERE = f"It is on {{}} until a worker there deletes it. If no worker runs there: {BY_HAND[0].lower()}{BY_HAND[1:]}"
LEFT_THERE = f"An earlier folder is still on {{}}, which is no longer a node. {BY_HAND}"


@handles(TASK)
def export_advance(*, job: Job) -> None:
    """Make the requested generation, write its folder, or delete the folder of a revoked export."""
    export = Export.objects.filter(pk=job.subject).first()
    try:
        if export is not None and export.status == ExportStatus.REQUESTED:
            _make(export, timezone.now())
        waits = export is not None and _settle_folder(export, timezone.now())
    except (StaleCertificate, StaleExport):
        job_again(job=job, at=timezone.now() + AGAIN, progress="waits for another worker")
        return
    if export is not None and waits:
        job_again(job=job, at=timezone.now() + ELSEWHERE_AGAIN, progress=f"waits for a worker on {export.folder_host}")
        return
    failed = export is not None and export.status == ExportStatus.FAILED
    outcome = Job.Outcome.FAILED if failed else Job.Outcome.DONE
    job_finish(job=job, outcome=outcome, now=timezone.now(), error=export.status_reason if export and failed else "")


def _make(export: Export, now: datetime) -> None:
    """Raises: StaleCertificate, StaleExport."""
    try:
        service, client = _certificates(export, now=now)
        archive = files.zipped({export.machine: _files(export, service, client)}, now=now)
    except (StaleCertificate, StaleExport):
        raise
    except (PKIError, TrustZoneError) as exc:
        _fail(export, f"The certificates could not be made: {exc}", now)
        return
    with transaction.atomic():
        changes = {
            "sealed_password": None, "archive": archive, "archive_until": now + KEPT_FOR, "made_generation": export.generation,
            "made_at": now, "not_after": min(service.not_after, client.not_after),
        }  # fmt: skip
        own = Certificate.objects.filter(holder_id=export.pk)
        own.lock()
        export_transition(export=export, to=ExportStatus.MADE, reason="", actor=system_for(export.actor), now=now, changes=changes)
        own.update(sealed_private_key=None)
        for older in own.issued().filter(generation__lt=export.generation):
            reason = f"generation {export.generation} is made"
            certificate_transition(certificate=older, to=CertificateStatus.SUPERSEDED, reason=reason, actor=SYSTEM, now=now)


@transaction.atomic
def _fail(export: Export, reason: str, now: datetime) -> None:
    """Withdraw the certificates of this generation. Earlier ones stay accepted."""
    Certificate.objects.filter(holder_id=export.pk).lock()
    export_transition(export=export, to=ExportStatus.FAILED, reason=reason, actor=SYSTEM, now=now, changes={"sealed_password": None})
    for certificate in Certificate.objects.filter(holder_id=export.pk, generation=export.generation):
        certificate_withdraw(certificate=certificate, reason="the export failed", actor=SYSTEM, now=now)


def _key_for(export: Export) -> tuple[int, database_key.DatabaseKey | None]:
    """The version of the database key for its service certificate, and the key. 0 and None without one. Raises: ZoneBroken."""
    version = DatabaseKey.objects.writing() if export.include_secrets_key else None
    if version is None:
        return 0, None
    key = key_ring().keys.get(version.key_id or "")
    if key is None:
        raise ZoneBroken(f"{version} does not open with the service certificates of this worker’s machine. Redistribute that machine.")
    return version.version, key


def _certificates(export: Export, *, now: datetime) -> tuple[Certificate, Certificate]:
    """The service and the client certificate, of the same root even if a rotation advances in between.

    Raises: StaleCertificate, StaleExport, PKIError, TrustZoneError.
    """
    service, client = (Intent(kind, export.pk, str(export), export.generation) for kind in (Kind.SERVICE, Kind.CLIENT))

    @functools.cache
    def issuer() -> Issuer:
        made = service.rows().issued().select_related("issuer").first()
        return issuer_of((made and made.issuer) or issuing_root())

    def draft(kind: Kind) -> Draft:
        is_service, zone = kind is Kind.SERVICE, zone_current()
        number, key = _key_for(export) if is_service else (0, None)
        # Windows before 2019 cannot always open a PFX with an EC key, so a legacy export has only RSA keys.
        private_key = key_take(key_type(Kind.SERVICE if export.legacy else kind), in_a_hurry=False)
        request = issue.Request(
            kind, export.machine if is_service else CLIENT_NAME, (), private_key.public_key(), zone.lifetime_months, key,
            zone.database_key_oids, is_export=True,
        )  # fmt: skip
        return Draft(request, private_key, issuer(), number)

    def raise_if_canceled() -> None:
        requested = Export.objects.select_for_update().filter(pk=export.pk, status=ExportStatus.REQUESTED, generation=export.generation)
        if not requested.exists():
            raise StaleExport(f"{export} was canceled in the meantime")

    service_row, client_row = certificates_for(
        drafts={service: lambda: draft(Kind.SERVICE), client: lambda: draft(Kind.CLIENT)}, actor=system_for(export.actor), now=now,
        raise_if_canceled=raise_if_canceled,
    )  # fmt: skip
    return service_row, client_row


def _files(export: Export, service: Certificate, client: Certificate) -> dict[str, bytes]:
    roots = sorted(roots_in_force(), key=lambda root: root.pk != service.issuer_id)
    lists = [root.revocation_lists.signed().first() for root in roots]
    content = files.Content(
        service.pair(),
        client.pair(),
        tuple(root.pem().encode() for root in roots),
        tuple(revocation_list.pem().encode() for revocation_list in lists if revocation_list),
    )
    shape = files.Shape(files.Format(export.format), export.sealed_password.text(), include_ca=export.include_ca, legacy=export.legacy)
    return files.files(content, shape)


def exports_folder() -> Path:
    """The folder on this machine with a folder for each export."""
    return Path(settings.NODE_STORE) / "Exported Certificates"


def _settle_folder(export: Export, now: datetime) -> bool:
    """Write the newest files into the folder, or delete it after a revocation. Failures are recorded on the row and never fail the export.

    Returns whether it waits for a worker on the machine that has the folder. Raises: StaleExport.
    """
    is_revoked = export.status == ExportStatus.REVOKED
    is_due = export.folder_node is not None if is_revoked else export.folder_generation != export.made_generation and export.is_kept(now)
    if export.folder_node is None and not is_due:
        return False
    try:
        own = own_store()
        elsewhere = export.folder_node is not None and export.folder_node != uuid.UUID(own.node)
        if not is_due:
            if not elsewhere:
                folder_tidy(export)
            return False
        if elsewhere and _is_node(export.folder_node):
            _tell(export, (REMOVED_THERE if is_revoked else REPLACED_THERE).format(export.folder_host))
            return not is_revoked or now - export.status_since < PATIENCE
        if not is_revoked:
            folder_write(export, own, problem=LEFT_THERE.format(export.folder_host) if elsewhere else "")
        elif elsewhere:
            _tell(export, LEFT_THERE.format(export.folder_host))
        else:
            folder_remove(export)
    except StaleExport:
        raise
    except (OSError, TrustZoneError, PKIError) as exc:
        done, remedy = ("removed", BY_HAND) if is_revoked else ("written" if is_due else "tidied", "Fix that, then renew the export.")
        why = (getattr(exc, "strerror", "") or str(exc)).rstrip(".")
        _tell(export, f"It could not be {done}: {why}. {remedy}")
    return False


def _is_node(holder: uuid.UUID | None) -> bool:
    return Certificate.objects.accepted().filter(holder_id=holder, kind=Kind.SERVICE).exists()


def _tell(export: Export, problem: str) -> None:
    mine = Export.objects.filter(pk=export.pk, status=export.status, made_generation=export.made_generation)
    mine.update(folder_problem=problem[:500])


def folder_write(export: Export, own: Installed, *, problem: str = "") -> None:
    """Write the files beside the current ones, then switch with one rename. A reader sees either the old files or the new files, complete.

    Raises: OSError, StaleExport, SealError, ZoneBroken.
    """
    content = files.unzipped([export.archive.open()])[export.machine]
    # Recorded before anything is written, so that it is known even after a crash that this machine has private keys.
    unchanged = Export.objects.filter(pk=export.pk, status=ExportStatus.MADE, made_generation=export.made_generation)
    if not unchanged.filter(folder_node=export.folder_node).update(folder_node=own.node, folder_host=own.host_name):
        raise StaleExport(f"{export} has changed")
    with Store(exports_folder()).locked():
        fresh = exports_folder() / ".exports" / f"{export.pk}-{export.made_generation}-{uuid.uuid4()}"
        try:
            for name, data in content.items():
                write(fresh / name, data)
            sync_folder(fresh)
            with transaction.atomic():  # a revocation comes before or after the switch, never in between
                if not unchanged.select_for_update().filter(folder_node=own.node).exists():
                    raise StaleExport(f"{export} has changed")
                link = _switch(export, fresh)
                unchanged.update(folder=str(link), folder_generation=export.made_generation, folder_problem=problem)
        finally:
            _forget(export)


def _switch(export: Export, fresh: Path) -> Path:
    link = exports_folder() / export.machine
    if os.path.lexists(link) and not (link.is_symlink() and os.readlink(link).startswith(".exports/")):
        raise FileExistsError(f"{link} exists, and is not a link that the console made")
    beside = link.with_name(f".{export.machine}.{export.pk}.new")
    beside.unlink(missing_ok=True)
    beside.symlink_to(Path(".exports") / fresh.name)
    beside.replace(link)
    sync_folder(link.parent)
    return link


def folder_tidy(export: Export) -> None:
    """Delete folders that a killed worker left after the switch. They contain private keys. Raises: OSError."""
    with Store(exports_folder()).locked():
        _forget(export)


def folder_remove(export: Export) -> None:
    """Raises: OSError."""
    link = exports_folder() / export.machine
    with Store(exports_folder()).locked():
        if link.is_symlink() and os.readlink(link).startswith(f".exports/{export.pk}-"):
            link.unlink()
        _forget(export)
    Export.objects.filter(pk=export.pk, status=ExportStatus.REVOKED).update(folder="", folder_node=None, folder_host="", folder_problem="")


def _forget(export: Export) -> None:
    """Delete the folders that its link does not point to: earlier generations, and folders that a killed worker left. Raises: OSError."""
    link = exports_folder() / export.machine
    kept = os.readlink(link) if link.is_symlink() else ""
    for folder in (exports_folder() / ".exports").glob(f"{export.pk}-*"):
        if kept != f".exports/{folder.name}":
            shutil.rmtree(folder)
