"""What the pages of exports show: how far a batch is, and the life of one export."""

from datetime import datetime
from typing import Any

from audit.event_lines import LINES, Line, Page, history_page
from certs.certificates.issuer import issuing_root
from certs.exports.health import health_of
from certs.exports.status import export_status
from certs.lifetime.services import NewEnd, new_ends
from certs.models import Certificate, Export
from certs.names.services import disputes
from certs.states import ExportStatus
from certs.zone.services import zone_current
from pki.core.roles import Kind
from pki.foreign.export import Format
from sealing.errors import TrustZoneError

ROWS = 25
WORST_FIRST = {ExportStatus.FAILED: 0, ExportStatus.REQUESTED: 1, ExportStatus.REVOKED: 2, ExportStatus.MADE: 3}


def new_end(*, now: datetime) -> NewEnd | None:
    """The end that the certificates of an export asked for now would get; None where nothing can be signed."""
    try:
        months, root = zone_current().lifetime_months, issuing_root()
    except TrustZoneError:
        return None
    ends = new_ends(months=months, root_not_after=root.not_after, now=now)
    return next(each for each in ends if each.kind == Kind.SERVICE)


def batch_page(exports: list[Export], *, now: datetime) -> dict[str, Any]:
    """How far what was asked for at once is; the failed ones first, and no more rows than a page holds."""
    rows = sorted(exports, key=lambda each: (WORST_FIRST[ExportStatus(each.status)], each.machine))
    count = {status: sum(each.status == status for each in exports) for status in ExportStatus}
    under_way = count[ExportStatus.REQUESTED]
    return {
        "now": now, "batch": rows[0].batch, "rows": rows[:ROWS], "more": len(rows) - ROWS, "total": len(rows), "under_way": under_way,
        "made": count[ExportStatus.MADE], "failed": count[ExportStatus.FAILED], "done": len(rows) - under_way,
        "kept": [each for each in exports if each.is_kept(now)], "clear": in_the_clear(exports),
        "by": rows[0].actor, "asked_at": min(each.status_since for each in exports) if under_way else None,
    }  # fmt: skip


def in_the_clear(exports: list[Export]) -> bool:
    """Whether private keys lie in the files without a password."""
    return any(each.format == Format.PEM and not each.has_password for each in exports)


def export_history(export: Export, page: int = 1, *, lines: int = LINES) -> Page[Line]:
    """A page of what happened to the export and its certificates, the newest first, in words."""
    own = dict(Certificate.objects.filter(holder_id=export.pk).values_list("pk", "kind"))
    return history_page(export.pk, own, page, lines)


def export_page(export: Export, *, now: datetime) -> dict[str, Any]:
    """All that the page of an export shows."""
    older = (
        Certificate.objects.accepted()
        .filter(holder_id=export.pk, not_after__gte=now)
        .exclude(generation=export.made_generation)
        .order_by("-generation", "-kind")
    )
    return {
        "now": now, "export": export, "details": export_status(export), "clear": in_the_clear([export]), "older": older,
        "kept": export.is_kept(now), "health": health_of(export, now=now),
        "history": export_history(export), "disputes": disputes(holder_id=export.pk),
        "can_renew": export.status in (ExportStatus.MADE, ExportStatus.FAILED), "can_revoke": export.status != ExportStatus.REVOKED,
    }  # fmt: skip
