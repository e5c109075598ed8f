"""Who signs: the roots in force, and the one that issues, with its open key. The key is opened in workers only."""

import functools
from dataclasses import dataclass, field

from django.conf import settings

from certs.errors import ZoneBroken
from certs.models import Certificate, Rotation
from pki import keys
from pki.keys import PrivateKey
from pki.roles import Kind


@dataclass(frozen=True)
class Issuer:
    """A root ready to sign: its row and its open key. Lives in workers only."""

    row: Certificate
    private_key: PrivateKey = field(repr=False)


@functools.lru_cache(maxsize=4)
def _open_root(encrypted: bytes, passphrase: bytes) -> PrivateKey:
    return keys.from_pem(encrypted, passphrase)


def root_passphrase() -> bytes:
    """The passphrase of the root key. Raises: ZoneBroken in a process that was not given it."""
    path = settings.ROOT_PASSPHRASE_FILE
    if path is None:
        raise ZoneBroken("This process holds no root passphrase: only workers and `init` sign certificates.")
    try:
        return bytes(path.read_bytes().strip())
    except OSError as exc:
        raise ZoneBroken(f"The root passphrase cannot be read: {exc}. Check QMC_ROOT_PASSPHRASE_FILE.") from exc


def roots_in_force() -> list[Certificate]:
    """What every node trusts, the youngest first: one root, or two during a rotation."""
    return list(Certificate.objects.issued().filter(kind=Kind.ROOT).order_by("-generation", "-created_at"))


def issuing_root() -> Certificate:
    """The root under which new certificates are signed: during a rotation the old one until every node trusts the new. Raises: ZoneBroken."""
    rotation = Rotation.objects.select_related("from_root", "to_root").filter(kind=Rotation.Kind.ROOT, under_way=True).first()
    if rotation is not None:
        root = rotation.to_root if rotation.switched_at else rotation.from_root
    else:
        root = next(iter(roots_in_force()), None)
    if root is None:
        raise ZoneBroken("The trust zone has no root certificate. Restore it from a backup or recreate the root.")
    return root


def issuer_of(root: Certificate) -> Issuer:
    """`root` with its key. Raises: ZoneBroken."""
    if root.encrypted_private_key is None:
        raise ZoneBroken(f"The private key of {root} is not here. Restore it from a backup or recreate the root.")
    return Issuer(root, _open_root(bytes(root.encrypted_private_key), root_passphrase()))


def issuer_current() -> Issuer:
    """The issuing root with its key. Raises: ZoneBroken."""
    return issuer_of(issuing_root())
