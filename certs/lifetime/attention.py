"""Roots and cluster certificates for the expiry board."""

from collections.abc import Iterator
from datetime import datetime

from django.urls import reverse

from attention.expiring import Expiring, expiring_register
from certs.certificates.issuer import site_certificates
from certs.lifetime.expiry_wording import leaf_expiry_wording, root_expiry_wording
from certs.lifetime.renewal_forecast import leaf_due, renewal_basis
from certs.zone.services import zone_current
from pki.core.roles import Kind

NOT_NEEDED = ("der", "sealed_private_key", "encrypted_private_key", "issuer__der", "issuer__encrypted_private_key")


@expiring_register("certs.view_certificate")
def expiring(now: datetime) -> Iterator[Expiring]:
    """Each one that is in use."""
    zone = zone_current()
    basis = renewal_basis(zone)
    for certificate in site_certificates():
        if certificate.kind == Kind.ROOT:
            wording = root_expiry_wording(certificate, basis, now=now)
        else:
            wording = leaf_expiry_wording(certificate, leaf_due(certificate, basis), basis, who="", now=now)
        yield Expiring(
            id=str(certificate.pk), kind=certificate.kind, subject=certificate.subject, holder=certificate.holder, owner=zone.name, not_before=certificate.not_before,
            not_after=certificate.not_after, wording=wording, url=reverse("certs:detail", args=[certificate.pk]),
        )  # fmt: skip
