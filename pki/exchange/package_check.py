"""Checks of packages, roots and revocation lists of the central node before their installation."""

from collections.abc import Iterable
from datetime import datetime

from cryptography import x509

from pki.core import clocks, database_key, keys, revocation
from pki.core.errors import NotValidNow, PackageInvalid, PKIError
from pki.core.pair import Pair
from pki.core.roles import Role, role_of
from pki.core.verify import chain, is_issued_by, peer, subject_of
from pki.exchange.package import Package


def issuers(content: Package) -> list[bytes]:
    """The roots of a package that issued a certificate in it. Raises: ValueError if something is not a certificate."""
    held = (content.service, content.client, content.cluster, *content.further_service_pairs)
    leaves = [x509.load_pem_x509_certificate(pair.certificate) for pair in held]
    return [root for root in content.roots if any(is_issued_by(leaf, x509.load_pem_x509_certificate(root)) for leaf in leaves)]


def _pair(pair: Pair, what: str) -> tuple[x509.Certificate, keys.PrivateKey]:
    try:
        certificate, key = x509.load_pem_x509_certificate(pair.certificate), keys.from_pem(pair.private_key)
    except (ValueError, PKIError) as exc:
        raise PackageInvalid(f"the {what} certificate or key cannot be read") from exc
    if certificate.public_key() != key.public_key():
        raise PackageInvalid(f"the {what} key does not belong to its certificate")
    return certificate, key


def package(content: Package, *, now: datetime) -> None:
    """Check a package before its installation. Raises: PackageInvalid, with the reason."""
    try:
        roots = [x509.load_pem_x509_certificate(pem) for pem in content.roots]
        service, service_key = _pair(content.service, "service")
        client, _ = _pair(content.client, "client")
        cluster, _ = _pair(content.cluster, "cluster")
        if not roots or any(role_of(root) != Role.ROOT for root in roots):
            raise PackageInvalid("a root certificate without the role Root")
        for certificate, key in [(service, service_key), *(_pair(pair, "further service") for pair in content.further_service_pairs)]:
            peer(certificate, roots, role=Role.SERVICE, host_name=content.host_name, now=now)
            database_key.read(certificate, key, content.database_key_oids)
        peer(client, roots, role=Role.CLIENT, host_name=None, now=now)
        chain(cluster, roots, now=now)
        if role_of(cluster) is not None:  # nobody may use it as a service or client certificate
            raise PackageInvalid(f"the cluster certificate has the role {role_of(cluster)}")
    except NotValidNow as exc:
        made = service.not_valid_before_utc + clocks.BACKDATE
        raise PackageInvalid(
            f"The clock here says {clocks.stamp(now)}; the package was made at {clocks.stamp(made)}. {exc} "
            "If the clock here is wrong, set it (NTP) and type the password again. Otherwise redistribute the node."
        ) from exc
    except PackageInvalid as exc:
        raise PackageInvalid(f"The package is inconsistent: {exc}. Redistribute the node.") from exc
    except (PKIError, ValueError) as exc:
        raise PackageInvalid(f"The package is inconsistent: {exc} Redistribute the node.") from exc


def trust(roots: Iterable[bytes], lists: Iterable[bytes], *, own: Iterable[x509.Certificate]) -> None:
    """Check roots and revocation lists (both PEM) before their installation. Raises: PackageInvalid.

    `own` are the certificates that the node presents. Without their root the node could not connect any more. Each handshake checks dates.
    """
    try:
        known = [x509.load_pem_x509_certificate(pem) for pem in roots]
        if not known or any(role_of(root) != Role.ROOT or not is_issued_by(root, root) for root in known):
            raise PackageInvalid("one of the roots is not a root certificate.")
        for crl in (crl for pem in lists for crl in revocation.load(pem)):
            if not any(revocation.issued_by(crl, root) for root in known):
                raise PackageInvalid(f"the list of {crl.issuer.rfc4514_string()} was not signed by one of these roots.")
        for certificate in own:
            if not any(is_issued_by(certificate, root) for root in known):
                raise PackageInvalid(f"none of these roots issued {subject_of(certificate)}, which this node presents.")
    except (PKIError, ValueError) as exc:
        raise PackageInvalid(f"The roots and revocation lists are inconsistent: {exc} Nothing was changed.") from exc
