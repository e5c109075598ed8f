"""The current roots, and the one that issues certificates, with its decrypted private key. Only workers decrypt it."""

import contextlib
import functools
from dataclasses import dataclass, field
from pathlib import Path

from django.conf import settings

from attention.once import once
from certs.models import Certificate, Rotation
from pki.core import keys
from pki.core.errors import PKIError
from pki.core.keys import PrivateKey
from pki.core.roles import Kind
from sealing.errors import ZoneBroken


@dataclass(frozen=True)
class Issuer:
    """A root with its decrypted private key. Only workers have one."""

    row: Certificate
    private_key: PrivateKey = field(repr=False)


@functools.lru_cache(maxsize=4)
def _open_root(encrypted: bytes, passphrases: tuple[bytes, ...]) -> PrivateKey | None:
    for passphrase in passphrases:
        with contextlib.suppress(PKIError):
            return keys.from_pem(encrypted, passphrase)
    return None


def passphrase_file() -> Path:
    """The file of the root passphrase, with links resolved. Raises: ZoneBroken in a process that has none."""
    if settings.ROOT_PASSPHRASE_FILE is None:
        raise ZoneBroken("This process does not have the root passphrase: only workers and `init` sign certificates.")
    return Path(settings.ROOT_PASSPHRASE_FILE).resolve()


def previous_file() -> Path:
    """The file of the previous passphrase, while `rotate_root_passphrase` runs."""
    return passphrase_file().with_name(f"{passphrase_file().name}.previous")


def root_passphrase() -> bytes:
    """The passphrase for encrypting root keys. Raises: ZoneBroken."""
    path = passphrase_file()
    try:
        return bytes(path.read_bytes().strip())
    except OSError as exc:
        raise ZoneBroken(f"The root passphrase cannot be read: {exc}. Check QMC_ROOT_PASSPHRASE_FILE.") from exc


def root_passphrases() -> tuple[bytes, ...]:
    """The passphrases that can decrypt a root key: the current one and, during its rotation, the previous one. Raises: ZoneBroken."""
    current = root_passphrase()
    try:
        return current, previous_file().read_bytes().strip()
    except FileNotFoundError:
        return (current,)
    except OSError as exc:
        raise ZoneBroken(f"The root passphrase cannot be read: {exc}. Give workers the right to read both files.") from exc


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
    key = _open_root(bytes(root.encrypted_private_key), root_passphrases())
    if key is None:
        raise ZoneBroken(
            f"The private key of {root} does not open with the root passphrase in {passphrase_file()}. If it was rotated on another "
            "machine, copy its file from there. Otherwise restore the file of this site."
        )
    return key


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
