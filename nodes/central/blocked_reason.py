"""Whether the central node has valid certificates, and whether a current root can sign. Issuing and rotating need both."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from cryptography import x509

from agent.store import Installed
from certs.certificates.installed import installed_here
from certs.certificates.issuer import issuing_root
from certs.models import Certificate
from certs.states import CertificateStatus
from nodes.inventory.counts import central_node
from nodes.models import Node
from pki.core import keys
from pki.core.clocks import stamp
from pki.core.commands import QMC
from pki.core.errors import PKIError
from pki.core.roles import OWN_KINDS, Kind
from pki.core.verify import fingerprint
from sealing.errors import ZoneBroken, ZoneMissing
from sealing.local_keys import own_store


def central_blocked_reason(*, now: datetime) -> str:
    """Why the central node has no valid certificates; "" if it has, or if there is no central node yet."""
    central = central_node()
    return blocked_reason_of(central, now=now) if central is not None else ""


def blocked_reason_of(central: Node, *, now: datetime) -> str:
    """The same for the central node."""
    try:
        installed = own_store()
    except ZoneMissing:
        return _recorded_reason(central, now)
    except ZoneBroken as exc:
        return str(exc)
    if installed.node != str(central.pk):  # another machine of the site: only the database has the answer
        return _recorded_reason(central, now)
    return next(_installed_reasons(installed, now), "")


def _recorded_reason(central: Node, now: datetime) -> str:
    """The problem of the newest certificate of each kind, from the database."""
    for kind in OWN_KINDS:
        newest = (
            Certificate.objects.listed().filter(holder_id=central.pk, kind=kind).order_by("-generation", "-database_key_version").first()
        )
        if text := _row_reason(newest, kind, now):
            return text
    return ""


def _row_reason(row: Certificate | None, kind: Kind, now: datetime) -> str:
    what = f"The central node's {kind} certificate"
    if row is None:
        return f"{what} is not in this database. The database and the store are from different times."
    if row.kind != kind:
        return f"{what} is missing, because a repair of the store was interrupted."
    if now > row.not_after:
        return f"{what} expired at {stamp(row.not_after)}."
    if row.status != CertificateStatus.ISSUED:
        return f"{what} is {row.status}{f' since {stamp(row.revoked_at)}' if row.revoked_at else ''}."
    if row.issuer is None or row.issuer.status != CertificateStatus.ISSUED:
        return f"{what} was issued by a root that is no longer valid."
    return ""


def _installed_reasons(installed: Installed, now: datetime) -> Iterator[str]:
    path = installed.path
    files = [
        (installed.service, (installed.service_pem, path / "exported/server_key.pem")),
        (installed.client, (installed.client_pem, path / "exported/client_key.pem")),
        (installed.cluster, (path / "machine/personal/cluster.pem",)),
    ]
    for certificate, places in files:
        yield from filter(None, (_key_reason(certificate, place) for place in places))
    for certificate, kind in ((installed.service, Kind.SERVICE), (installed.client, Kind.CLIENT)):
        row = installed_here().get(fingerprint(certificate))
        if text := _row_reason(row if row is not None and str(row.holder_id) == installed.node else None, kind, now):
            yield text


def _key_reason(certificate: x509.Certificate, place: Path) -> str:
    try:
        fits = keys.from_pem(place.read_bytes(), own=True).public_key() == certificate.public_key()
    except (OSError, ValueError, PKIError) as exc:
        return f"The file {place} is damaged: {exc}"
    return "" if fits else f"The private key in {place} does not belong to the certificate in the same folder."


def signing_blocked_reason(*, now: datetime) -> str:
    """Why no current root can sign, and what to do; "" if one can. Only a process with the passphrase can check that the key decrypts."""
    try:
        root = issuing_root()
    except ZoneBroken as exc:
        return str(exc)
    if now > root.not_after:
        return f"{root.subject} expired at {stamp(root.not_after)}. Recreate the root (`{QMC} recreate_root`)."
    if root.encrypted_private_key is None:
        return f"The private key of {root.subject} is missing. Restore the site from a backup, or recreate the root."
    return ""
