"""Profiles decide, requests ask: what each kind of certificate may be."""

from dataclasses import dataclass

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from pki.core.roles import Kind, Role


@dataclass(frozen=True)
class Profile:
    """What every certificate of a kind has. Raises: ValueError for a profile that contradicts itself."""

    kind: Kind
    role: Role | None
    is_ca: bool
    extended_key_usages: tuple[x509.ObjectIdentifier, ...]
    key_encipherment: bool
    carries_names: bool
    carries_database_key: bool

    def __post_init__(self) -> None:
        if self.is_ca and (self.extended_key_usages or self.carries_names or self.carries_database_key):
            raise ValueError("a root only issues")
        if not self.is_ca and not self.extended_key_usages:
            raise ValueError("a leaf needs a purpose")


SERVER_AUTH, CLIENT_AUTH = ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH

PROFILES: dict[Kind, Profile] = {
    profile.kind: profile
    for profile in (
        Profile(Kind.ROOT, Role.ROOT, True, (), False, False, False),
        Profile(Kind.SERVICE, Role.SERVICE, False, (SERVER_AUTH,), True, True, True),
        Profile(Kind.CLIENT, Role.CLIENT, False, (CLIENT_AUTH,), False, False, False),
        Profile(Kind.CLUSTER, None, False, (SERVER_AUTH, CLIENT_AUTH), True, False, False),
        Profile(Kind.SERVER, None, False, (SERVER_AUTH,), True, True, False),
    )
}
