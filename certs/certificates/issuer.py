"""The current roots, and the one that issues certificates, with its decrypted private key. Only workers decrypt it."""

from dataclasses import dataclass, field

from attention.once import once
from certs.models import Certificate, Rotation
from pki.core import keys
from pki.core.keys import PrivateKey
from pki.core.roles import Kind
from sealing.errors import ZoneBroken
from sealing.root_passphrase import root_sealed_register


@dataclass(frozen=True)
class Issuer:
    """A root with its decrypted private key. Only workers have one."""

    row: Certificate
    private_key: PrivateKey = field(repr=False)


ROOT_KEYS = root_sealed_register(Certificate, "encrypted_private_key", keys.from_pem)


@once
def site_certificates() -> list[Certificate]:
    """The issued root and cluster certificates with their issuers, the newest first. A site has few."""
    issued = Certificate.objects.issued().filter(kind__in=[Kind.ROOT, Kind.CLUSTER]).select_related("issuer")
    return list(issued.order_by("-generation", "-created_at"))


def roots_in_force() -> list[Certificate]:
    """The roots that every node trusts, the newest first: one, or two during a rotation."""
    return [certificate for certificate in site_certificates() if certificate.kind == Kind.ROOT]


@once
def rotation_under_way() -> Rotation | None:
    """The rotation in progress, of the root or of the database key, with its roots."""
    return Rotation.objects.select_related("from_root", "to_root").filter(under_way=True).first()


def root_rotation() -> Rotation | None:
    """The rotation of the root that is under way."""
    rotation = rotation_under_way()
    return rotation if rotation is not None and rotation.kind == Rotation.Kind.ROOT else None


def issuing_root() -> Certificate:
    """The root that signs new certificates. During a rotation, this is the old one until every node trusts the new one. Raises: ZoneBroken."""
    rotation = root_rotation()
    if rotation is not None:
        root = rotation.to_root if rotation.switched_at else rotation.from_root
    else:
        root = next(iter(roots_in_force()), None)
    if root is None:
        raise ZoneBroken("The trust zone has no root certificate. Restore it from a backup or recreate the root.")
    return root


def root_key(root: Certificate) -> PrivateKey:
    """The decrypted private key of `root`. Raises: ZoneBroken."""
    if root.encrypted_private_key is None:
        raise ZoneBroken(f"The private key of {root} is missing. Restore it from a backup or recreate the root.")
    return ROOT_KEYS.opened(root)


def issuer_of(root: Certificate) -> Issuer:
    """`root` with its key. Raises: ZoneBroken."""
    try:
        return Issuer(root, root_key(root))
    except ZoneBroken:  # the passphrase may have been rotated since the row was read
        root.refresh_from_db(fields=["encrypted_private_key"])
        return Issuer(root, root_key(root))


def issuer_current() -> Issuer:
    """The issuing root with its key. Raises: ZoneBroken."""
    return issuer_of(issuing_root())
