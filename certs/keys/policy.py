"""One policy of private keys for the whole site: a type for each kind of certificate."""

from collections.abc import Iterator

from django.conf import settings

from pki.core.keys import DEFAULT_KEY_TYPES, KeyType
from pki.core.roles import Kind

RSA = (KeyType.RSA_2048, KeyType.RSA_3072, KeyType.RSA_4096)
SELECTABLE: dict[str, tuple[KeyType, ...]] = {
    Kind.ROOT: (KeyType.EC_P384, KeyType.EC_P256, KeyType.RSA_3072, KeyType.RSA_4096),
    Kind.SERVICE: RSA,  # it must unwrap the database key
    Kind.CLIENT: (KeyType.EC_P256, KeyType.EC_P384, *RSA),
    Kind.CLUSTER: RSA,
}


def key_type(kind: Kind) -> KeyType:
    """What QMC_KEY_TYPES says of `kind`, else the default."""
    return KeyType(settings.QMC_KEY_TYPES.get(kind, DEFAULT_KEY_TYPES[kind]))


def key_policy_problems() -> Iterator[str]:
    """What of QMC_KEY_TYPES cannot be used, and what can."""
    for kind, wanted in settings.QMC_KEY_TYPES.items():
        if kind not in SELECTABLE:
            yield f"{kind!r} is no kind of certificate. Known are: {', '.join(SELECTABLE)}."
        elif wanted not in SELECTABLE[kind]:
            yield f"A {kind} certificate cannot have a key {wanted!r}. Possible are: {', '.join(SELECTABLE[kind])}."
