"""One policy of private keys for the whole site: a type for each kind of certificate."""

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


def key_types(text: str) -> dict[Kind, KeyType]:
    """What QMC_KEY_TYPES says, such as "service=RSA-4096,client=EC P-384". Raises: ValueError, saying what is possible."""
    found: dict[Kind, KeyType] = {}
    for kind, _, wanted in (each.strip().partition("=") for each in text.split(",") if each.strip()):
        if kind not in SELECTABLE:
            raise ValueError(f"{kind!r} is no kind of certificate. Give KIND=TYPE with commas between. Known are: {', '.join(SELECTABLE)}.")
        if wanted not in SELECTABLE[kind]:
            raise ValueError(f"A {kind} certificate cannot have a key {wanted!r}. Possible are: {', '.join(SELECTABLE[kind])}.")
        found[Kind(kind)] = KeyType(wanted)
    return found


def key_type(kind: Kind) -> KeyType:
    """What QMC_KEY_TYPES says of `kind`, else the default."""
    return settings.QMC_KEY_TYPES.get(kind, DEFAULT_KEY_TYPES[kind])
