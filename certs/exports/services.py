"""Request, renew, revoke and download exports. A worker makes the certificates: certs.exports.worker."""

import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

from django.db import transaction
from django.db.models import Q

from audit.actors import Actor
from audit.models import Event
from audit.record import record
from certs.certificates.services import certificate_withdraw
from certs.errors import ArchiveGone, IllegalTransition, StaleExport
from certs.exports.names import names_of
from certs.models import Certificate, Export, ExportRole, HolderKind
from certs.names.services import Conflict, NamesTaken, names_release, names_take
from certs.states import EXPORT_TRANSITIONS, ExportStatus
from jobs.services import job_create, jobs_create
from pki.core import names
from pki.core.errors import InvalidName
from pki.foreign import export as files
from pki.issuing.revocation_list import RevocationCode
from web.errors import InputInvalid

TASK = "export"
MOST_AT_ONCE, MOST_NAMED = 500, 10
CLEAR = (
    "Its private keys are encrypted now. Type a password. If you do not want encryption, select *Do not encrypt the private keys*, or send an empty "
    "password in the API."
)
RESTORED = "The site was restored from a backup. A backup contains no folders of exports. Renew the export to make a new folder."
NO_EXPORT_NEEDED = "A node needs no export: use the files in Exported Certificates/.Local Certificates of its own store."
SEEN_EVERY = timedelta(minutes=1)


@dataclass(frozen=True)
class ExportOptions:
    """The options of an export. With an empty password, the private keys in PEM files are not encrypted."""

    format: str
    password: str = field(default="", repr=False)
    include_secrets_key: bool = False
    include_ca: bool = False
    legacy: bool = False
    clear_on_purpose: bool = False  # the person confirms that the renewed export has no password, although it had one

    def choices(self) -> dict[str, Any]:
        """The options in the register. Never the password."""
        return {
            "format": self.format, "include_secrets_key": self.include_secrets_key, "include_ca": self.include_ca,
            "legacy": self.legacy, "has_password": bool(self.password),
        }  # fmt: skip


@transaction.atomic
def export_transition(
    *,
    export: Export,
    to: ExportStatus,
    reason: str,
    actor: Actor,
    now: datetime,
    changes: Mapping[str, Any] = MappingProxyType({}),
    choices: Mapping[str, Any] = MappingProxyType({}),
) -> Event:
    """Move `export` to `to` with further `changes` of its row; `choices` of the person go into the event. Raises: IllegalTransition, StaleExport."""
    old, generation = ExportStatus(export.status), export.generation
    if to not in EXPORT_TRANSITIONS[old]:
        raise IllegalTransition(f"{export}: {old} → {to} is not possible")
    held = Export.objects.select_for_update().filter(pk=export.pk, status=old, generation=generation).first()
    if held is None:
        raise StaleExport(f"{export} has just changed. Open its page again.")
    for name, value in {**changes, "status": to, "status_reason": reason[:500], "status_since": now}.items():
        setattr(held, name, value)
    held.save()
    export.refresh_from_db()
    detail = {"from": old, "to": to, "reason": reason, "generation": export.generation, **choices}
    return record(actor=actor, action="export.transition", target=export, detail=detail, now=now)


def _option_problems(options: ExportOptions) -> dict[str, list[str]]:
    if options.format not in {file_format.value for file_format in files.Format}:
        return {"format": [f"“{options.format[:40]}” is not a format. Use: {', '.join(files.Format)}."]}
    errors, format = {}, files.Format(options.format)
    if problem := files.password_problem(options.password, format):
        errors["password"] = [problem]
    if options.legacy and format is not files.Format.WINDOWS:
        errors["legacy"] = ["Legacy Windows applies only to PFX files. Choose the Windows format, or clear this option."]
    return errors


def _name_problems(machine_names: Sequence[str]) -> Iterator[str]:
    """The error of each invalid name, with the name."""
    seen: set[str] = set()
    for name in machine_names:
        if name.lower() in seen:
            yield f"{name[: names.LONGEST_NAME]} is there twice. Remove one."
        seen.add(name.lower())
        try:
            names.host_name(name)
        except InvalidName as exc:
            shown = name if len(name) <= names.LONGEST_NAME else f"{name[: names.LONGEST_NAME]}…"
            yield f"“{shown}”: {exc}"


def _taken_problem(conflict: Conflict) -> str:
    return f"{conflict} {NO_EXPORT_NEEDED}" if conflict.kind is HolderKind.NODE else str(conflict)


def _most(found: Sequence[str]) -> dict[str, list[str]]:
    """The error of `machine_names`, with the first few problems. Empty if there is none."""
    more = [f"And {len(found) - MOST_NAMED} more."] if len(found) > MOST_NAMED else []
    return {"machine_names": [*found[:MOST_NAMED], *more]} if found else {}


def _names_refused(machine_names: Sequence[str]) -> dict[str, list[str]]:
    if not machine_names:
        return {"machine_names": ["Give at least one machine name, such as reports.corp.example."]}
    if len(machine_names) > MOST_AT_ONCE:
        return {
            "machine_names": [f"These are {len(machine_names)} names. At most {MOST_AT_ONCE} can be exported at once. Remove some names."]
        }
    return _most(list(_name_problems(machine_names)))


def exports_request(*, actor: Actor, machine_names: Sequence[str], options: ExportOptions, now: datetime) -> list[Export]:
    """Record an export for each machine name, all or none. Workers make them.

    Raises: PermissionRefused, InputInvalid (naming each invalid name), ZoneMissing, ZoneBroken, UnknownKey.
    """
    actor.require("certs.add_export")
    if errors := _names_refused(machine_names) | _option_problems(options):
        raise InputInvalid(errors)
    batch = uuid.uuid4()
    fields = options.choices() | {"batch": batch, "actor": actor.label, "created_at": now, "status_since": now}
    exports = [Export(machine=name, sealed_password=options.password, **fields) for name in machine_names]
    try:
        with transaction.atomic():
            names_take(requested=[names_of(export) for export in exports], now=now)
            Export.objects.bulk_create(exports)
            for export in exports:
                record(actor=actor, action="export.requested", target=export, detail=options.choices(), now=now)
            jobs_create(task=TASK, titles={export.pk: _title(export) for export in exports}, actor=actor.label, now=now)
    except NamesTaken as exc:
        raise InputInvalid(_most([_taken_problem(conflict) for conflict in exc.conflicts])) from exc
    return exports


def _title(export: Export) -> str:
    return f"Export for {export.machine}"


def _ask(export: Export, actor: Actor, now: datetime) -> None:
    job_create(task=TASK, subject=export.pk, title=_title(export), actor=actor.label, now=now)


def renewal_refused(export: Export) -> str:
    """Why `export` cannot be renewed now, and what to do; "" if it can."""
    if ExportStatus.REQUESTED in EXPORT_TRANSITIONS[ExportStatus(export.status)]:
        return ""
    remedy = "Make a new one." if export.status == ExportStatus.REVOKED else "Wait until it is made."
    return f"The {export} cannot be renewed: it is {export.status}. {remedy}"


def export_renew(*, actor: Actor, export: Export, options: ExportOptions, now: datetime) -> None:
    """Request the next generation: new keys and certificates, perhaps in another format. The current certificates stay accepted.

    Raises: PermissionRefused, InputInvalid, IllegalTransition, StaleExport, ZoneMissing, ZoneBroken, UnknownKey.
    """
    actor.require("certs.renew_export")
    if errors := _option_problems(options):
        raise InputInvalid(errors)
    if export.has_password and not options.password and not options.clear_on_purpose:
        raise InputInvalid({"password": [CLEAR]})
    if refused := renewal_refused(export):
        raise IllegalTransition(refused)
    changes = options.choices() | {"sealed_password": options.password, "batch": uuid.uuid4(), "generation": export.generation + 1}
    changes |= {"archive": None, "archive_until": None, "actor": actor.label}
    with transaction.atomic():
        choices = options.choices()
        export_transition(export=export, to=ExportStatus.REQUESTED, reason="", actor=actor, now=now, changes=changes, choices=choices)
        _ask(export, actor, now)


def export_revoke(*, actor: Actor, export: Export, reason: str, code: RevocationCode, now: datetime) -> None:
    """Revoke all its certificates and release the name of the machine. A worker deletes its folder.

    Raises: PermissionRefused, IllegalTransition, StaleExport.
    """
    actor.require("certs.revoke_export")
    if export.status == ExportStatus.REVOKED:
        raise IllegalTransition(f"The {export} is already revoked.")
    with transaction.atomic():
        names_release(kind=HolderKind.EXPORT, holder_id=export.pk, now=now)
        Certificate.objects.filter(holder_id=export.pk).lock()
        ExportRole.objects.filter(export=export).delete()
        wiped = {"sealed_password": None, "archive": None, "archive_until": None}
        export_transition(export=export, to=ExportStatus.REVOKED, reason=reason, actor=actor, now=now, changes=wiped)
        for certificate in Certificate.objects.filter(holder_id=export.pk):
            certificate_withdraw(certificate=certificate, reason=reason, code=code, actor=actor, now=now)
        _ask(export, actor, now)


def exports_download(*, actor: Actor, exports: Iterable[Export], now: datetime) -> bytes:
    """One zip with a folder for each machine. Each download is recorded. Raises: PermissionRefused, ArchiveGone, SealError, ZoneBroken."""
    actor.require("certs.download_export")
    kept = [export for export in exports if export.is_kept(now) and export.archive is not None]
    if not kept:
        raise ArchiveGone("The files are deleted one day after they were made. Renew the export to make new files, or copy its folder.")
    made = files.zipped(files.unzipped(export.archive.open() for export in kept), now=now)
    with transaction.atomic():
        for export in kept:
            record(actor=actor, action="export.downloaded", target=export, detail={"generation": export.made_generation}, now=now)
    return made


def archives_wipe(*, actor: Actor, now: datetime) -> int:
    """Delete the files that were made more than a day ago. Returns the number."""
    wiped = 0
    for export in Export.objects.filter(archive__isnull=False, archive_until__lt=now).defer("archive", "sealed_password"):
        with transaction.atomic():
            mine = Export.objects.filter(pk=export.pk, archive_until=export.archive_until)
            if mine.update(archive=None, archive_until=None):
                record(actor=actor, action="export.archive_wiped", target=export, detail={"generation": export.made_generation}, now=now)
                wiped += 1
    return wiped


def folders_start_over(*, node: uuid.UUID, actor: Actor, now: datetime) -> None:
    """The disk of `node` is new and has no folders. Those whose files are still stored are written again."""
    for export in Export.objects.filter(folder_node=node).defer("archive", "sealed_password"):
        problem = "" if export.status == ExportStatus.REVOKED else RESTORED
        changes = {"folder": "", "folder_node": None, "folder_host": "", "folder_generation": 0, "folder_problem": problem}
        Export.objects.filter(pk=export.pk).update(**changes)
        if export.status == ExportStatus.MADE and export.is_kept(now):
            _ask(export, actor, now)


def export_seen(*, holder_id: uuid.UUID, now: datetime) -> None:
    """Record that its client certificate was presented on 4242, at most once a minute. Does nothing if `holder_id` is not an export."""
    old = Q(last_seen_at=None) | Q(last_seen_at__lte=now - SEEN_EVERY) | Q(last_seen_at__gt=now)
    Export.objects.filter(old, pk=holder_id).update(last_seen_at=now)
