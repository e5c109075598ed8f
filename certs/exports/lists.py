"""The register of exports, and the format of its rows in the API and in files."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db.models import QuerySet

from certs.exports.filters import ExportFilter
from certs.exports.health import with_health
from certs.exports.status import ExportDetails, export_statuses, with_roles
from certs.models import Export, ExportRole
from pki.core import lifetime
from web.lists.declared import Column, List, Quick
from web.lists.registry import ListPlace, list_register

PLAIN = (
    "format", "include_secrets_key", "include_ca", "legacy", "status", "status_reason", "generation", "created_at", "made_at", "not_after",
    "last_seen_at", "folder", "folder_host", "folder_problem",
)  # fmt: skip


def _json(details: ExportDetails, now: datetime) -> dict[str, Any]:
    export, end = details.export, details.export.not_after
    return {
        "id": str(export.pk), "machine_name": export.machine, **{name: getattr(export, name) for name in PLAIN},
        "password_set": export.has_password, "made_by": export.actor, "days_left": lifetime.days_left(end, now) if end else None,
        "download_until": export.archive_until if export.is_kept(now) else None, "certificates": [str(certificate.pk) for certificate in details.certificates], "needs": details.action_required,
        "role": export_role_json(details.role),
    }  # fmt: skip


def export_role_json(row: ExportRole | None) -> dict[str, Any] | None:
    """The role of an export in the API's format. None if it has none."""
    names = ("role", "addresses", "given_at", "given_by", "expires_at")
    return {name: getattr(row, name) for name in names} if row else None


def exports_json(exports: Iterable[Export], now: datetime) -> list[dict[str, Any]]:
    """Exports in the API's format."""
    return [_json(status, now) for status in with_roles(export_statuses(exports))]


class ExportList(List):
    name = "exports"
    model = Export
    noun, caption = "export", "Exports"
    empty = "No exports in use. Make one for each machine that has no agent."
    filters = ExportFilter
    columns = (
        Column("machine", "Machine", "certs/exports/cell_machine.html", sort="machine -created_at"),
        Column("status", "Status", "certs/exports/cell_status.html", sort="status"),
        Column("actor", "Made by", "certs/exports/cell_actor.html", sort="actor"),
        Column("not_after", "Expires", "certs/exports/cell_expires.html", sort="not_after"),
        Column("last_seen_at", "Last used", "certs/exports/cell_seen.html", sort="last_seen_at"),
    )
    quick = (
        Quick("In use"), Quick("Refused", "health=refused"), Quick("Expiring", "health=expiring"), Quick("Expired", "health=expired"),
        Quick("Failed", "status=failed"),
    )  # fmt: skip
    sort = "machine"
    csv = ("id", "machine_name", *PLAIN, "password_set", "made_by", "needs")

    def shown(self, rows: list[Export], now: datetime) -> list[ExportDetails]:
        return with_roles(export_statuses(rows))

    def json(self, rows: list[Export], now: datetime) -> list[dict[str, Any]]:
        return exports_json(rows, now)


def exports_listed(now: datetime) -> "QuerySet[Export]":
    """All exports with their health, without their secrets."""
    return with_health(Export.objects.defer("archive", "sealed_password"), now=now)


list_register(ListPlace(ExportList, exports_listed, "exports:list", "certs.view_export"))
