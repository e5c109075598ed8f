"""The status of exports: the certificates of each, and what you must do for it. Their renewal is never automatic."""

import uuid
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.urls import reverse

from certs.certificates.holders import Holder, holder_register
from certs.certificates.issuer import root_rotation
from certs.database_key.services import database_keys
from certs.models import Certificate, DatabaseKey, Export, ExportRole, Rotation
from certs.states import CertificateStatus, DatabaseKeyStatus, ExportStatus
from pki.core.roles import Kind

SOON = timedelta(days=30)

# What pages show of the certificates of exports.
READ = (
    "kind", "status", "reason", "subject", "key_type", "not_before", "not_after", "database_key_version", "holder_id", "generation",
    "issuer__status", "issuer__subject",
)  # fmt: skip


@dataclass(frozen=True)
class ExportDetails:
    """An export with its newest certificates. `role` is its role, if that was read and it has one. `action_required` says what you must do, or is empty. `alarm` is true if the export is refused."""

    export: Export
    certificates: list[Certificate]
    action_required: str = ""
    alarm: bool = False
    role: ExportRole | None = None

    def expires_soon(self, now: datetime) -> bool:
        end = self.export.not_after
        return self.export.status != ExportStatus.REVOKED and end is not None and end - now < SOON


def _with_certificate(condition: Q) -> Q:
    """Exports with such a certificate of their newest generation."""
    return Q(Exists(Certificate.objects.listed().filter(condition, holder_id=OuterRef("pk"), generation=OuterRef("made_generation"))))


def is_refused() -> Q:
    """Exports with a revoked certificate, or whose root was replaced."""
    return _with_certificate(Q(status=CertificateStatus.REVOKED) | ~Q(issuer__status=CertificateStatus.ISSUED))


def is_outdated() -> Q:
    """Exports whose root is being replaced, or whose database key does not encrypt new values any more."""
    old_keys = DatabaseKey.objects.filter(status__in=[DatabaseKeyStatus.READING, DatabaseKeyStatus.RETIRED]).values("version")
    leaving = Rotation.objects.filter(kind=Rotation.Kind.ROOT, under_way=True, from_root__isnull=False).values("from_root")
    return _with_certificate(Q(issuer__in=leaving) | Q(database_key_version__in=old_keys))


def export_statuses(exports: Iterable[Export], known: Iterable[Certificate] | None = None) -> list[ExportDetails]:
    """Each export with its certificates and what you must do. A fixed number of queries. `known` are the certificates, with their issuers, if the caller has read them."""
    exports_listed = list(exports)
    held: dict[tuple[uuid.UUID | None, int], list[Certificate]] = {}
    if known is None:
        rows = Certificate.objects.listed().filter(holder_id__in=[export.pk for export in exports_listed])
        known = rows.select_related("issuer").only(*READ)
    for row in sorted(known, key=lambda row: row.kind, reverse=True):
        held.setdefault((row.holder_id, row.generation), []).append(row)
    rotation, keys = root_rotation(), {database_key.version: database_key for database_key in database_keys()}
    return [_details(export, held.get((export.pk, export.made_generation), []), rotation, keys) for export in exports_listed]


def with_roles(statuses: Iterable[ExportDetails]) -> list[ExportDetails]:
    """The same with the roles of the exports. One query."""
    listed = list(statuses)
    roles = {row.export_id: row for row in ExportRole.objects.filter(export__in=[status.export.pk for status in listed])}
    return [replace(status, role=roles.get(status.export.pk)) for status in listed]


def export_status(export: Export) -> ExportDetails:
    """One export, with its role."""
    return with_roles(export_statuses([export]))[0]


def _details(export: Export, certificates: list[Certificate], rotation: Rotation | None, keys: dict[int, DatabaseKey]) -> ExportDetails:
    if export.status == ExportStatus.REVOKED or not certificates:
        failed = export.status == ExportStatus.FAILED
        return ExportDetails(export, certificates, f"{export.status_reason} Renew it to try again." if failed else "", alarm=failed)
    refused = next((certificate for certificate in certificates if certificate.status == CertificateStatus.REVOKED), None)
    if refused is not None:
        why = f" ({refused.reason.rstrip('.')})" if refused.reason else ""
        text = f"Its {refused.kind} certificate was revoked{why}, so it is refused. Renew the export."
        return ExportDetails(export, certificates, text, alarm=True)
    roots = [certificate.issuer for certificate in certificates if certificate.issuer]
    root = next((issuer for issuer in roots if issuer.status != CertificateStatus.ISSUED), None)
    if root is not None:
        text = f"Its root, {root.subject}, was replaced, so it is not accepted any more. Renew the export. The machine also needs the new root."
        return ExportDetails(export, certificates, text, alarm=True)
    if export.status == ExportStatus.FAILED:
        text = f"{export.status_reason} The current certificates stay accepted. Renew it to try again."
        return ExportDetails(export, certificates, text)
    return ExportDetails(export, certificates, _of_the_root(roots, rotation) or _of_the_key(certificates, keys))


def _of_the_root(roots: list[Certificate], rotation: Rotation | None) -> str:
    root = next((issuer for issuer in roots if rotation and rotation.from_root_id == issuer.pk), None)
    if root is None or rotation is None:
        return ""
    when = "now" if rotation.switched_at else "as soon as the new root issues"
    then = "The old root stays until then" if rotation.keeps_for_exports else "When the rotation has finished, it is not accepted any more"
    return f"Its root, {root.subject}, is being replaced. Renew it {when}. {then}."


def _of_the_key(certificates: list[Certificate], keys: dict[int, DatabaseKey]) -> str:
    carried = next((certificate.database_key_version for certificate in certificates if certificate.database_key_version), 0)
    version = keys.get(carried)
    if version is None or version.status not in (DatabaseKeyStatus.READING, DatabaseKeyStatus.RETIRED):
        return ""
    return f"Its database key, version {carried}, does not encrypt new values any more, so the machine cannot read new values. Renew it."


def _holding(condition: Q, now: datetime) -> "QuerySet[Export]":
    """Exports in use that have such a certificate of any generation, and it is still accepted."""
    held = Certificate.objects.accepted().filter(condition, holder_id=OuterRef("pk"), not_after__gte=now)
    return exports_in_use().filter(Exists(held))


def exports_of_root(root: Certificate | None, *, now: datetime) -> "QuerySet[Export]":
    """Exports that may present a certificate that `root` issued. They are refused when the root is removed."""
    return _holding(Q(issuer=root, kind__in=[Kind.SERVICE, Kind.CLIENT]), now) if root else Export.objects.none()


def exports_left(root: Certificate, *, now: datetime) -> "QuerySet[Export]":
    """The ones of these without newer certificates. They stop working when `root` is removed."""
    return exports_of_root(root, now=now).filter(_with_certificate(Q(issuer=root)))


def exports_with_key(*, now: datetime) -> "QuerySet[Export]":
    """Exports with the database key. They do not get a new version until they are renewed."""
    return _holding(Q(kind=Kind.SERVICE, database_key_version__gt=0), now)


def exports_in_use() -> "QuerySet[Export]":
    """All exports that are not revoked. A recreated root makes them invalid."""
    return Export.objects.in_use().defer("archive", "sealed_password")


def export_of(certificate: Certificate) -> Export | None:
    """The export that has `certificate`."""
    if certificate.holder_id is None:
        return None
    return Export.objects.defer("archive", "sealed_password").filter(pk=certificate.holder_id).first()


@holder_register
def _holders(ids: Collection[uuid.UUID]) -> dict[uuid.UUID, Holder]:
    machines = Export.objects.filter(pk__in=ids).values_list("pk", "machine")
    return {pk: Holder("export", machine, reverse("exports:detail", args=[pk])) for pk, machine in machines}
