"""View models of the page of a certificate."""

from dataclasses import dataclass
from datetime import datetime

from audit.actors import Actor
from certs.certificates.holders import Holder, holder_of
from certs.models import Certificate, RevocationList
from certs.states import TRANSITIONS, CertificateStatus
from certs.zone.services import zone_current
from pki.foreign.describe import describe


@dataclass(frozen=True)
class CertificatePage:
    """`fields` are the names and values of its content. `revocation_list` is the newest list that it signed."""

    certificate: Certificate
    holder: Holder | None
    fields: list[tuple[str, str]]
    revocation_list: RevocationList | None
    list_is_overdue: bool
    can_revoke: bool

    @property
    def is_issued(self) -> bool:
        return self.certificate.status == CertificateStatus.ISSUED

    @property
    def has_exposure(self) -> bool:
        """Whether a page lists what else is known to those who know its private key."""
        return self.certificate.revocation_code == "keyCompromise" and self.certificate.holder_id is not None


def certificate_page(certificate: Certificate, *, actor: Actor, now: datetime) -> CertificatePage:
    """Raises: ZoneMissing."""
    newest = certificate.revocation_lists.signed().first()
    revocable = (
        actor.has_perm("certs.revoke_certificate") and CertificateStatus.REVOKED in TRANSITIONS[CertificateStatus(certificate.status)]
    )
    return CertificatePage(
        certificate=certificate,
        holder=holder_of(certificate),
        fields=describe(certificate.x509(), zone_current().database_key_oids),
        revocation_list=newest,
        list_is_overdue=newest is not None and newest.next_update is not None and newest.next_update < now,
        can_revoke=revocable and certificate.issuer is not None,
    )
