"""Profiles: the fixed properties of each kind of certificate, which requests cannot change."""

from dataclasses import dataclass

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from pki.core.roles import Kind, Role


@dataclass(frozen=True)
class Profile:
    """The properties of all certificates of a kind. Raises: ValueError for a contradictory profile."""

    kind: Kind
    role: Role | None
    is_ca: bool
    extended_key_usages: tuple[x509.ObjectIdentifier, ...]
    key_encipherment: bool
    carries_names: bool
    carries_database_key: bool

    def __post_init__(self) -> None:
        if self.is_ca and (self.extended_key_usages or self.carries_names or self.carries_database_key):
            raise ValueError("a root has no names, no purposes and no database key")
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
