"""Uses of the site's cluster key: its public key for deployments, a PFX for a node, test tokens, and checks of tokens (S6)."""

import uuid
from collections.abc import Iterable
from datetime import datetime

from django.db import transaction

from audit.actors import Actor
from audit.record import record
from certs.certificates.issuer import issuing_root
from certs.models import Certificate, Deployment
from certs.roots.services import cluster_in_force
from certs.states import CertificateStatus
from certs.zone.services import zone_current
from pki.cluster import token_check
from pki.cluster import tokens as cluster
from pki.core import clocks, keys
from pki.core.errors import PfxRefused
from pki.core.keys import PrivateKey
from pki.core.roles import CLUSTER_NAME, Kind
from pki.foreign import pfx
from sealing.errors import ZoneBroken

SHORTEST_PASSWORD = 12


def cluster_current() -> Certificate:
    """The current cluster certificate. Raises: ZoneMissing, ZoneBroken."""
    zone_current()
    found = cluster_in_force(issuing_root())
    if found is None or found.sealed_private_key is None:
        raise ZoneBroken("The trust zone has no cluster certificate with its key. Restore it from a backup or recreate the root.")
    return found


def cluster_certificates() -> list[Certificate]:
    """Cluster certificates to publish, the current one first, then the one that it replaces or that replaces it. Raises: ZoneMissing, ZoneBroken."""
    current = cluster_current()
    return [current, *Certificate.objects.issued().filter(kind=Kind.CLUSTER).exclude(pk=current.pk).order_by("-generation")]


def cluster_jwks(certificates: Iterable[Certificate]) -> dict[str, list[dict[str, str]]]:
    """The public keys of cluster certificates as a JWK Set. Raises: PKIError."""
    return cluster.jwks([certificate.x509() for certificate in certificates])


def cluster_public_key(certificate: Certificate) -> str:
    """The public key of a cluster certificate as PEM."""
    return cluster.public_pem(certificate.x509())


def _key(certificate: Certificate) -> PrivateKey:
    return keys.from_pem(certificate.sealed_private_key.open(), own=True)


@transaction.atomic
def cluster_pfx(*, actor: Actor, password: str, form: pfx.PfxForm, now: datetime) -> bytes:
    """The cluster certificate with its private key as PFX, encrypted with `password`. Raises: PermissionRefused, PfxRefused, ZoneMissing, ZoneBroken, UnknownKey."""
    actor.require("certs.export_cluster")
    if problem := pfx.password_problem(password, shortest=SHORTEST_PASSWORD):
        raise PfxRefused(problem)
    current = cluster_current()
    content = pfx.pfx_make(current.x509(), _key(current), password=password, form=form, name=CLUSTER_NAME)
    record(actor=actor, action="cluster.exported", target=current, detail={"form": form.value, "sha256": current.sha256}, now=now)
    return content


@transaction.atomic
def token_sign(*, actor: Actor, deployment: Deployment, now: datetime) -> cluster.Token:
    """Make a test token for one deployment. It is shown once and not stored. Raises: PermissionRefused, ZoneMissing, ZoneBroken, UnknownKey."""
    actor.require("certs.sign_token")
    current, token_id = cluster_current(), str(uuid.uuid4())
    private_key = _key(current)
    made = cluster.token_make(
        private_key=private_key, certificate=current.x509(), issuer=zone_current().name, audience=deployment.audience, token_id=token_id, now=now
    )  # fmt: skip
    detail = {"audience": deployment.audience, "token_id": token_id, "expires_at": made.expires_at.isoformat()}
    record(actor=actor, action="deployment.token_signed", target=deployment, detail=detail, now=now)
    return made


def token_checked(*, actor: Actor, token: str, deployment: Deployment | None, now: datetime) -> token_check.Checked:
    """Check a token for `deployment`, or for any deployment. Raises: PermissionRefused, ZoneMissing, ZoneBroken."""
    actor.require("certs.view_deployment")
    audiences = [deployment.audience] if deployment else Deployment.objects.order_by("name").values_list("audience", flat=True)
    expected = token_check.Expected(zone_current().name, tuple(dict.fromkeys(audiences)))
    return token_check.token_check(token.strip(), keys=_site_keys(), expected=expected, now=now)


def _site_keys() -> list[token_check.SiteKey]:
    """All keys that ever signed for the site, in words. A former key is named as such."""
    current, *others = cluster_certificates()
    over = Certificate.objects.filter(kind=Kind.CLUSTER, status__in=[CertificateStatus.SUPERSEDED, CertificateStatus.REVOKED])
    named = [(current, "the current cluster certificate", True)]
    named += [
        (certificate, f"the cluster certificate of {clocks.day(certificate.created_at)}, which is accepted beside the current one", True)
        for certificate in others
    ]
    named += [
        (certificate, f"the cluster certificate of {clocks.day(certificate.created_at)}, which is {certificate.status}", False)
        for certificate in over.order_by("-generation")
    ]
    return [token_check.SiteKey(certificate.x509(), name, good) for certificate, name, good in named]
