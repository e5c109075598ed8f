"""Needs of exports. Their renewal is never automatic."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import chain

from django.db.models import F, Q, QuerySet
from django.urls import reverse

from attention.expiring import Expiring, ExpiringTable, by_hand, table_register
from attention.needs import Look, Many, Need, Severity, affected_register, codes_register, needs_register
from attention.once import once
from attention.together import Keys
from certs.certificates.attention import held, of_holders
from certs.exports.status import SOON, ExportDetails, export_statuses, is_outdated, is_refused
from certs.models import Export, ExportQuerySet
from certs.states import ExportStatus
from pki.core import clocks

LAST_WEEK = timedelta(days=7)

codes_register(
    {
        "export-refused": "the certificates of an export are refused",
        "export-failed": "an export could not be made",
        "export-renewal-needed": "a rotation makes an export useless",
        "export-expiring": "an export expires within 30 days, or has expired",
    }
)


@needs_register
def needs(look: Look) -> Iterator[Need]:
    """Exports that are refused, that will be refused, or that expire within 30 days."""
    found = {name: list(look.worst(name)) for name in MANY}
    exports = list(chain(*found.values()))
    certificates = chain(*(look.shared(held)[export.pk] for export in exports))
    statuses = {status.export.pk: status for status in export_statuses(exports, certificates)} if exports else {}
    for name, affected in found.items():
        of_exports = (_export(statuses[export.pk], look.now) for export in affected)
        yield from (replace(need, many=look.many(name)) for need in of_exports if need)


def _exports() -> ExportQuerySet:
    return Export.objects.in_use().defer("archive", "sealed_password")


# For each state: the title of the line for many, and the filter of the list.
MANY = {
    "export is refused": ("{count} exports are refused", "health=refused"),
    "export could not be made": ("{count} exports could not be made", "status=failed"),
    "export must be renewed": ("{count} exports must be renewed", "sort=not_after"),
    "export has expired": ("{count} exports have expired", "health=expired"),
    "export expires soon": ("{count} exports expire soon", "health=expiring"),
}


def _affected_register(name: str, title: str, query: str) -> None:
    @affected_register(name, _exports, lambda: Many(title, f"{reverse('exports:list')}?{query}", "Show exports"))
    def keys(now: datetime) -> Keys:
        return Export.objects.in_use().filter(conditions(now)[name]).order_by("not_after", "machine", "pk").values(key=F("pk"))


for name, (title, query) in MANY.items():
    _affected_register(name, title, query)
of_holders(*MANY)


@once
def conditions(now: datetime) -> dict[str, Q]:
    """The exports that need attention, by their state in words."""
    refused, outdated = is_refused(), is_outdated()
    failed, made = Q(status=ExportStatus.FAILED), ~Q(made_generation=0)
    other = ~refused & ~outdated & ~failed
    return {
        "export is refused": made & refused,
        "export could not be made": ~made & failed,
        "export must be renewed": made & ~refused & (failed | outdated),
        "export has expired": other & Q(not_after__lt=now),
        "export expires soon": other & Q(not_after__gte=now, not_after__lt=now + SOON),
    }


def _export(details: ExportDetails, now: datetime) -> Need | None:
    """The need of an export."""
    export, end, url = details.export, details.export.not_after, reverse("exports:renew", args=[details.export.pk])
    what, remedy = str(export).capitalize(), "Renew the export, and bring the new files to the machine."
    if details.action_required:
        state = ("is refused" if details.certificates else "could not be made") if details.alarm else "must be renewed"
        code = {"is refused": "export-refused", "could not be made": "export-failed"}.get(state, "export-renewal-needed")
        severity = Severity.CRITICAL if details.alarm else Severity.WARNING
        return Need(
            code,
            severity,
            export.machine,
            f"{what} {state}",
            details.action_required,
            "Bring the new files to the machine.",
            url,
            "Renew export",
            export.status_since,
        )
    if end is None or not details.expires_soon(now):
        return None
    expired = end < now
    title = f"{what} has expired" if expired else f"{what} expires in {clocks.length(end - now)}"
    severity = Severity.CRITICAL if end - now < LAST_WEEK else Severity.WARNING
    text = f"{export.actor} made it. Its renewal is not automatic."
    since, about = end if expired else None, frozenset({str(export.pk)})
    return Need("export-expiring", severity, export.machine, title, text, remedy, url, "Renew export", since, about=about, by_date=True)


@table_register
class ExpiringExports(ExpiringTable):
    """Each export, with the earliest expiry date of its certificates."""

    permission = "certs.view_export"
    kind = "export"
    searched = ("machine", "actor")

    def rows(self) -> "QuerySet[Export]":
        made = Export.objects.in_use().exclude(made_generation=0).filter(made_at__isnull=False, not_after__isnull=False)
        return made.defer("archive", "sealed_password")

    def by_hand(self, now: datetime) -> Q:
        return Q(pk__isnull=False)

    def things(self, rows: Sequence[Export], now: datetime) -> list[Expiring]:
        found, renew = [], "Its renewal is not automatic. Renew it, and bring the new files to the machine."
        for status in export_statuses(rows):
            export = status.export
            assert export.made_at is not None
            assert export.not_after is not None
            found.append(
                Expiring(
                    id=str(export.pk), kind="export", subject=export.machine, holder=export.machine, owner=export.actor, not_before=export.made_at,
                    not_after=export.not_after, wording=by_hand(status.action_required or renew), url=reverse("exports:detail", args=[export.pk]),
                )
            )  # fmt: skip
        return found
