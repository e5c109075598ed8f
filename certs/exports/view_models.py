"""The content of the pages of exports: the form, the progress of a batch, the history of one export, and its files."""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from urllib.parse import urlencode

from django.db.models import QuerySet
from django.urls import reverse

from audit.event_lines import LINES, History, history_of
from certs.certificates.issuer import issuing_root
from certs.exports.health import ExportHealth, health_of
from certs.exports.status import ExportDetails, export_status
from certs.lifetime.services import NewEnd, new_ends
from certs.models import Certificate, Export
from certs.names.services import Dispute, disputes
from certs.states import ExportStatus
from certs.zone.services import zone_current
from pki.core.roles import Kind
from pki.foreign.export import Format
from sealing.errors import TrustZoneError
from web.words import counted

ROWS, MOST_NAMED = 25, 20
WORST_FIRST = {ExportStatus.FAILED: 0, ExportStatus.REQUESTED: 1, ExportStatus.REVOKED: 2, ExportStatus.MADE: 3}


@dataclass(frozen=True)
class ExportFormPage:
    """The form for a new export, or for the renewal of `export`. `expiry` is that of certificates signed now, if one can be signed."""

    export: Export | None
    expiry: NewEnd | None

    @property
    def title(self) -> str:
        return f"Renew export {self.export.machine}" if self.export else "New export"

    @property
    def heading(self) -> str:
        return f"Renew the export for {self.export.machine}?" if self.export else "New export"

    @property
    def subtitle(self) -> str:
        if self.export:
            return "You get new keys and certificates. The current certificates stay accepted until they expire or are revoked."
        return "New keys and certificates for machines without an agent. Each machine gets a service certificate and a client certificate."

    @property
    def back(self) -> str:
        return reverse("exports:detail", args=[self.export.pk]) if self.export else reverse("exports:list")

    @property
    def button(self) -> str:
        return "Renew" if self.export else "Export"


@dataclass(frozen=True)
class AffectedExports:
    """The exports that an action affects: their number, the first ones, and the address of the list of all."""

    total: int
    named: list[Export]
    url: str

    @property
    def count(self) -> str:
        return counted(self.total, "export")

    @property
    def more(self) -> int:
        return self.total - len(self.named)


def affected_exports(rows: "QuerySet[Export]", *, filters: dict[str, str]) -> AffectedExports:
    """`filters` are those of the list of exports that leave the same rows."""
    named = list(rows[: MOST_NAMED + 1])
    total = rows.count() if len(named) > MOST_NAMED else len(named)
    return AffectedExports(total, named[:MOST_NAMED], f"{reverse('exports:list')}?{urlencode(filters)}")


@dataclass(frozen=True)
class ExportBatchPage:
    """The progress of exports that were requested together. `rows` are the failed ones first, at most one page."""

    batch: uuid.UUID
    actor: str
    rows: list[Export]
    total: int
    made: int
    failed: int
    under_way: int
    kept: list[Export]
    keys_unencrypted: bool

    @property
    def title(self) -> str:
        return f"Export of {counted(self.total, 'machine')}"

    @property
    def status(self) -> str:
        return "under_way" if self.under_way else "failed" if self.failed else "finished"

    @property
    def done(self) -> int:
        return self.total - self.under_way

    @property
    def progress(self) -> str:
        failed = f", {self.failed} failed" if self.failed else ""
        waiting = f", {self.under_way} waiting" if self.under_way else ""
        return f"{self.made} of {self.total} made{failed}{waiting}."

    @property
    def announcement(self) -> str:
        """The text for screen readers when nothing is in progress any more."""
        return "" if self.under_way else self.progress

    @property
    def more(self) -> int:
        return self.total - len(self.rows)


@dataclass(frozen=True)
class Generation:
    """The certificates of one generation of an export."""

    number: int
    certificates: list[Certificate]


@dataclass(frozen=True)
class ExportPage:
    """One export with its history. `older` are the generations before the newest one that are still accepted. `is_kept`: its files can be downloaded."""

    export: Export
    details: ExportDetails
    health: ExportHealth
    older: list[Generation]
    disputes: list[Dispute]
    history: History
    is_kept: bool
    keys_unencrypted: bool
    role_expired: bool

    @property
    def can_renew(self) -> bool:
        return self.export.status in (ExportStatus.MADE, ExportStatus.FAILED)

    @property
    def can_revoke(self) -> bool:
        return self.export.status != ExportStatus.REVOKED

    @property
    def folder_problem(self) -> str:
        """The next step for its folder; empty if there is none."""
        problem = self.export.folder_problem
        return f"{problem} You can still download the files." if problem and self.is_kept else problem

    @property
    def private_keys(self) -> str:
        return "encrypted with the password" if self.export.has_password else "not encrypted"

    @property
    def database_key(self) -> str:
        return "included. The machine can read encrypted fields" if self.export.include_secrets_key else "not included"


@dataclass(frozen=True)
class ExportDownloadPage:
    """The exports of a batch whose files can be downloaded. `error` says why a download failed."""

    batch: uuid.UUID
    exports: list[Export]
    keys_unencrypted: bool
    error: str

    @property
    def title(self) -> str:
        return f"Download {counted(len(self.exports), 'machine')}"


def _keys_unencrypted(exports: Iterable[Export]) -> bool:
    """Whether private keys are in the files without a password."""
    return any(export.format == Format.PEM and not export.has_password for export in exports)


def export_form_page(export: Export | None = None, *, now: datetime) -> ExportFormPage:
    """The form, with the expiry date that the new certificates would get."""
    try:
        months, root = zone_current().lifetime_months, issuing_root()
    except TrustZoneError:
        return ExportFormPage(export, None)
    expiries = new_ends(months=months, root_not_after=root.not_after, now=now)
    return ExportFormPage(export, next(expiry for expiry in expiries if expiry.kind == Kind.SERVICE))


def export_batch_page(exports: list[Export], *, now: datetime) -> ExportBatchPage:
    """The progress of these exports, at least one."""
    rows = sorted(exports, key=lambda export: (WORST_FIRST[ExportStatus(export.status)], export.machine))
    count = {status: sum(export.status == status for export in exports) for status in ExportStatus}
    return ExportBatchPage(
        batch=rows[0].batch,
        actor=rows[0].actor,
        rows=rows[:ROWS],
        total=len(rows),
        made=count[ExportStatus.MADE],
        failed=count[ExportStatus.FAILED],
        under_way=count[ExportStatus.REQUESTED],
        kept=[export for export in exports if export.is_kept(now)],
        keys_unencrypted=_keys_unencrypted(exports),
    )


def export_history(export: Export, before: int | None = None, *, lines: int = LINES) -> History:
    """The newest events of the export and its certificates before the event `before`, in words."""
    return history_of(export.pk, Certificate.objects.filter(holder_id=export.pk), before=before, lines=lines)


def export_page(export: Export, *, now: datetime) -> ExportPage:
    """One export with its history."""
    older = (
        Certificate.objects.accepted()
        .filter(holder_id=export.pk, not_after__gte=now)
        .exclude(generation=export.made_generation)
        .order_by("-generation", "-kind")
    )
    details = export_status(export)
    return ExportPage(
        export=export,
        details=details,
        health=health_of(export, now=now),
        older=[Generation(number, list(rows)) for number, rows in groupby(older, key=lambda row: row.generation)],
        disputes=disputes(holder_id=export.pk),
        history=export_history(export),
        is_kept=export.is_kept(now),
        keys_unencrypted=_keys_unencrypted([export]),
        role_expired=details.role is not None and details.role.expired(now),
    )


def export_download_page(exports: list[Export], *, error: str, now: datetime) -> ExportDownloadPage:
    """The files of these exports, of one batch; at least one export."""
    kept = [export for export in exports if export.is_kept(now)]
    return ExportDownloadPage(exports[0].batch, kept, _keys_unencrypted(kept), error)
