"""Give roles to exports and take them away, and decide in which role the certificate of an export acts."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone

from audit.actors import Actor, PermissionRefused
from audit.models import Outcome
from audit.record import record
from certs.errors import ExportRefused, IllegalTransition
from certs.exports.services import export_seen
from certs.models import Certificate, Export, ExportRole
from certs.states import CertificateStatus
from people.roles.registry import Role
from people.sign_in.guessing import first_of_ten_minutes, network_of
from people.sign_in.networks import networks_read
from pki.core import clocks
from pki.core.addresses import in_networks
from web.errors import InputInvalid
from web.middleware import address_of
from web.refusals import refusals_register

PERMISSION = "certs.change_exportrole"
# An export is a file on another machine, so it never has a role that can make more access for itself.
ROLES = [Role.DEPLOYMENT_ADMIN.value, Role.AUDIT_ADMIN.value, Role.VIEWER.value]
LASTS, LONGEST = timedelta(days=90), timedelta(days=366)
GIVE = "A RootAdmin can give it one, on its page in the console."


@transaction.atomic
def export_role_give(
    *, actor: Actor, export: Export, role: str, addresses: Sequence[str] = (), expires_at: datetime | None = None, now: datetime
) -> ExportRole:
    """Let the newest client certificate of `export` act in `role`, for 90 days unless `expires_at` is given. Replaces an earlier role.

    Raises: PermissionRefused, InputInvalid, IllegalTransition for a revoked export.
    """
    actor.require(PERMISSION)
    until = expires_at or now + LASTS
    if role not in ROLES:
        raise InputInvalid({"role": [f"“{role[:40]}” is not a role that an export can have. Choose from: {', '.join(ROLES)}."]})
    if not now < until <= now + LONGEST:
        raise InputInvalid({"expires_at": [f"Choose a time from now on, at most {LONGEST.days} days away."]})
    networks = networks_read(addresses)
    if Export.objects.select_for_update().in_use().filter(pk=export.pk).first() is None:
        raise IllegalTransition(f"The {export} is revoked, so it cannot have a role.")
    given = {"role": role, "addresses": networks, "given_at": now, "given_by": actor.label, "expires_at": until}
    row, _ = ExportRole.objects.update_or_create(export=export, defaults=given)
    detail = {"role": role, "addresses": networks, "expires_at": until.isoformat()}
    record(actor=actor, action="export.role-given", target=export, detail=detail, now=now)
    return row


@transaction.atomic
def export_role_take(*, actor: Actor, export: Export, now: datetime) -> None:
    """Take the role of `export` away. Its next call is refused. Does nothing if it has none. Raises: PermissionRefused."""
    actor.require(PERMISSION)
    row = ExportRole.objects.select_for_update().filter(export=export).first()
    if row is not None:
        row.delete()
        record(actor=actor, action="export.role-taken", target=export, detail={"role": row.role}, now=now)


def export_role_of(*, sha256: str, address: str, now: datetime) -> ExportRole | None:
    """The role in which a client certificate acts. None if no export has it, or if it was revoked. Records the use.

    Raises: ExportRefused, with the reason and the remedy.
    """
    certificate = Certificate.objects.accepted().summaries().filter(sha256=sha256, kind="client").first()
    if certificate is None or certificate.holder_id is None:
        return None
    export = Export.objects.in_use().defer("archive", "sealed_password").filter(pk=certificate.holder_id).first()
    if export is None:
        return None
    export_seen(holder_id=export.pk, now=now)
    row = ExportRole.objects.filter(export=export).first()
    if row is None:
        raise ExportRefused(f"The {export} has no role, so it may not call here. {GIVE}")
    row.export = export
    if reason := _refusal(row, certificate, address, now):
        if first_of_ten_minutes("export-refused", str(export.pk), network_of(address) if address else "", now=now):
            detail = {"reason": reason, "address": address}
            actor = Actor("export", export.machine)
            record(actor=actor, action="export.refused", target=export, detail=detail, outcome=Outcome.REFUSED, now=now)
        raise ExportRefused(reason)
    return row


def _refusal(row: ExportRole, certificate: Certificate, address: str, now: datetime) -> str:
    """Why the role does not apply to this call. "" if it does."""
    export = row.export
    if certificate.generation != export.made_generation or certificate.status != CertificateStatus.ISSUED:
        return f"The {export} was renewed, and this is an older certificate. Use its newest files."
    if row.expired(now):
        return f"The role of the {export} expired on {clocks.stamp(row.expires_at)}. {GIVE}"
    if row.addresses and not in_networks(address, row.addresses):
        return f"The {export} may not call from {address}. Call from another address, or let a RootAdmin allow this one."
    return ""


@refusals_register
def record_refused(request: HttpRequest, exc: PermissionRefused) -> None:
    """A change that the role of an export refuses. A loop of requests writes one event in ten minutes for each permission."""
    row, now = exc.actor.user, timezone.now()
    if isinstance(row, ExportRole) and first_of_ten_minutes("refused", str(row.pk), exc.permission, now=now):
        detail = {"permission": exc.permission, "method": request.method, "path": request.path[:200], "address": address_of(request)}
        record(actor=exc.actor, action="permission.refused", target=row.export, detail=detail, outcome=Outcome.REFUSED, now=now)
