"""The possible types of private keys, for each kind of certificate."""

from pki.core.keys import KeyType
from pki.core.roles import Kind

RSA = (KeyType.RSA_2048, KeyType.RSA_3072, KeyType.RSA_4096)
SELECTABLE: dict[str, tuple[KeyType, ...]] = {
    Kind.ROOT: (KeyType.EC_P384, KeyType.EC_P256, KeyType.RSA_3072, KeyType.RSA_4096),
    Kind.SERVICE: RSA,  # it must unwrap the database key
    Kind.CLIENT: (KeyType.EC_P256, KeyType.EC_P384, *RSA),
    Kind.CLUSTER: RSA,
}


def key_types(text: str) -> dict[Kind, KeyType]:
    """Parse QMC_KEY_TYPES, such as "service=RSA-4096,client=EC P-384". Raises: ValueError, naming the possible values."""
    found: dict[Kind, KeyType] = {}
    for kind, _, key_type in (rule.strip().partition("=") for rule in text.split(",") if rule.strip()):
        if kind not in SELECTABLE:
            raise ValueError(f"{kind!r} is not a kind of certificate. Give KIND=TYPE, separated by commas. Kinds: {', '.join(SELECTABLE)}.")
        if key_type not in SELECTABLE[kind]:
            raise ValueError(f"A {kind} certificate cannot have a key of type {key_type!r}. Types: {', '.join(SELECTABLE[kind])}.")
        found[Kind(kind)] = KeyType(key_type)
    return found
