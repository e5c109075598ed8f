"""The browser certificate that an administrator chose for a node: its encryption for the node, and whether it can be used (S1)."""

import hashlib
import json
from base64 import urlsafe_b64decode
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey

from pki.core import keys
from pki.core.errors import PackageInvalid, PackageMalformed, PKIError, WrongPassword
from pki.core.keys import PrivateKey
from pki.foreign import private_key as foreign_key
from pki.foreign import read as foreign

VERSION = 1
MAXIMUM_BYTES = 65536
HEADER = {"alg": "RSA-OAEP-256", "enc": "A256GCM"}
# Why a node does not use a chosen certificate. Nodes report these.
NO_SUCH_THUMBPRINT, NO_PRIVATE_KEY, UNREADABLE = "no-such-thumbprint", "no-private-key", "unreadable"
EXPIRED, NOT_VALID_YET, NAME_DOES_NOT_MATCH = "expired", "not-valid-yet", "name-does-not-match"
PROBLEMS = frozenset({NO_SUCH_THUMBPRINT, NO_PRIVATE_KEY, UNREADABLE, EXPIRED, NOT_VALID_YET, NAME_DOES_NOT_MATCH})


@dataclass(frozen=True)
class BrowserChoice:
    """The chosen certificate: PEM certificates, the leaf first, none if the console has no certificate with the thumbprint; the key as PEM."""

    thumbprint: str
    certificates: tuple[bytes, ...]
    private_key: bytes | None = field(repr=False)

    @property
    def revision(self) -> str:
        """SHA-256 over thumbprint and certificates, hex. Node and console compare it."""
        named = {"thumbprint": self.thumbprint, "certificates": [certificate.decode() for certificate in self.certificates]}
        return hashlib.sha256(json.dumps(named, sort_keys=True, separators=(",", ":")).encode()).hexdigest()

    def to_json(self, **more: object) -> bytes:
        """With the private key unencrypted; `more` are further members."""
        key = self.private_key.decode() if self.private_key else None
        certificates = [certificate.decode() for certificate in self.certificates]
        return json.dumps({"thumbprint": self.thumbprint, "certificates": certificates, "private_key": key} | more).encode()

    @classmethod
    def of(cls, content: Any) -> "BrowserChoice":
        """The choice in parsed JSON. Raises: KeyError, TypeError, ValueError, AttributeError."""
        key = content["private_key"]
        certificates = tuple(pem.encode("ascii") for pem in content["certificates"])
        return cls(str(content["thumbprint"]), certificates, None if key is None else key.encode("ascii"))


def _registry() -> jwe.JWERegistry:
    registry = jwe.JWERegistry(algorithms=list(HEADER.values()))
    registry.max_ciphertext_length = MAXIMUM_BYTES
    return registry


def seal(choice: BrowserChoice, certificate: x509.Certificate) -> bytes:
    """A compact JWE that only the owner of `certificate` (the node's service certificate, RSA) can decrypt. Raises: PackageInvalid."""
    public_key = certificate.public_key()
    if not isinstance(public_key, rsa.RSAPublicKey):
        raise PackageInvalid("A browser certificate can be encrypted only to an RSA certificate, the node's service certificate.")
    content = choice.to_json(version=VERSION, revision=choice.revision)
    key = RSAKey.import_key(public_key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    sealed = jwe.encrypt_compact(HEADER, content, key, registry=_registry()).encode()
    if len(sealed) > MAXIMUM_BYTES:
        raise PackageInvalid(f"The certificate and its chain would take {len(sealed)} bytes. A node accepts at most {MAXIMUM_BYTES}.")
    return sealed


def _check_form(sealed: bytes) -> None:
    """Raises: PackageMalformed, before anything is derived."""
    if len(sealed) > MAXIMUM_BYTES:
        raise PackageMalformed(f"The answer has {len(sealed)} bytes. At most {MAXIMUM_BYTES} are accepted.")
    protected = sealed.split(b".")[0]
    try:
        header = json.loads(urlsafe_b64decode(protected + b"=" * (-len(protected) % 4)))
    except (ValueError, RecursionError) as exc:
        raise PackageMalformed("This is not a browser certificate.") from exc
    if header != HEADER or sealed.count(b".") != 4:
        raise PackageMalformed("The encryption of the browser certificate is not accepted.")


def open(sealed: bytes, private_key: PrivateKey) -> BrowserChoice:
    """Decrypt a choice. Raises: PackageMalformed, WrongPassword (encrypted to another key, or altered)."""
    _check_form(sealed)
    if not isinstance(private_key, rsa.RSAPrivateKey):
        raise WrongPassword("Only the RSA key of a service certificate decrypts the browser certificate.")
    try:
        plaintext = jwe.decrypt_compact(sealed, RSAKey.import_key(keys.to_pem(private_key)), registry=_registry()).plaintext
    except (JoseError, ValueError) as exc:
        raise WrongPassword("The browser certificate was encrypted to another service key, or altered.") from exc
    choice, revision = _from_json(plaintext or b"")
    if choice.revision != revision:
        raise PackageMalformed("The browser certificate does not match its revision.")
    return choice


def _from_json(plaintext: bytes) -> tuple[BrowserChoice, str]:
    try:
        content = json.loads(plaintext)
        if content["version"] != VERSION:
            raise PackageMalformed(
                f"The browser certificate has version {content['version']!r:.20}, and this agent reads version {VERSION}. Update the agent."
            )
        return BrowserChoice.of(content), str(content["revision"])
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as exc:
        raise PackageMalformed("The content of the browser certificate cannot be read. Update the agent.") from exc


def usable(choice: BrowserChoice, *, names: Iterable[str], now: datetime) -> str:
    """Why a node with these `names` cannot use the chosen certificate, one of `PROBLEMS`; "" if it can.

    One of the names is enough, because browsers may use another name of the node than the other nodes do.
    """
    if not choice.certificates:
        return NO_SUCH_THUMBPRINT
    if choice.private_key is None:
        return NO_PRIVATE_KEY
    try:
        leaf, *above = [foreign.from_pem(certificate) for certificate in choice.certificates]
        key = foreign_key.from_pem(choice.private_key)
    except PKIError:
        return UNREADABLE
    if key.public != leaf.key or any(certificate.key.is_too_short for certificate in (leaf, *above)):
        return UNREADABLE  # a proxy does not start with it
    if choice.thumbprint not in leaf.thumbprints:
        return NO_SUCH_THUMBPRINT
    if now < leaf.not_before:
        return NOT_VALID_YET
    if now > leaf.not_after:
        return EXPIRED
    return "" if any(foreign.covers(leaf, name) for name in names) else NAME_DOES_NOT_MATCH
