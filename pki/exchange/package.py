"""The registration package: one JWE over a versioned JSON of keys and certificates (RFC 7516, RFC 7518 4.8)."""

import hashlib
import hmac
import json
import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwk import OctKey, RSAKey
from joserfc.registry import HeaderParameter

from pki.core import database_key, keys
from pki.core.addresses import CentralAddress
from pki.core.errors import PackageInvalid, ProfileError, WrongPassword
from pki.core.keys import PrivateKey
from pki.core.pair import Pair
from pki.exchange import package_header, readers
from pki.exchange.package_header import (
    BY_CERTIFICATE,
    BY_PASSWORD,
    CLAIM_NAMES,
    ENCRYPTION,
    ITERATIONS,
    MAXIMUM_BYTES,
    Claims,
    Header,
)

VERSION = 1
SALT_BYTES, KEY_BYTES = 16, 32


def _registry(algorithm: str) -> jwe.JWERegistry:
    parameters = {name: HeaderParameter(f"claimed {name}", "int" if name == "generation" else "str", True) for name in CLAIM_NAMES}
    registry = jwe.JWERegistry(header_registry=parameters, algorithms=[algorithm, ENCRYPTION])
    registry.max_protected_header_length = package_header.LARGEST_HEADER
    registry.max_ciphertext_length = MAXIMUM_BYTES
    return registry


@dataclass(frozen=True)
class Package:
    """All keys and certificates of a node.

    `service` carries the newest database key; `further_service_pairs` have one pair for each other key that is still in use, in a renewal
    only if the node lacks it.
    `nudged_by` are the SHA-256 fingerprints of the client certificates that may ask the node to call now, until the first answer to a heartbeat.
    """

    trust_zone: str
    node: str
    host_name: str
    generation: int
    central_host_name: str
    central_addresses: tuple[CentralAddress, ...]
    roots: tuple[bytes, ...]
    service: Pair
    client: Pair
    cluster: Pair
    expires_at: datetime
    further_service_pairs: tuple[Pair, ...] = ()
    database_key_oids: database_key.Oids = database_key.PRESCRIBED
    nudged_by: tuple[str, ...] = ()


def _claims_of(package: Package) -> Claims:
    # The newest root is the first.
    root = x509.load_pem_x509_certificate(package.roots[0])
    return Claims(
        package.trust_zone,
        package.central_host_name,
        root.fingerprint(hashes.SHA256()).hex(),
        package.generation,
        package.expires_at,
    )


def _header(package: Package, algorithm: str) -> dict[str, Any]:
    claimed = _claims_of(package)
    header: dict[str, Any] = {"alg": algorithm, "enc": ENCRYPTION}
    header |= {name: getattr(claimed, name) for name in CLAIM_NAMES}
    header["expires_at"] = claimed.expires_at.isoformat()
    return header


def _to_json(package: Package) -> bytes:
    def pair(encoded: Pair) -> dict[str, str]:
        return {"certificate": encoded.certificate.decode(), "private_key": encoded.private_key.decode()}

    return json.dumps(
        {
            "version": VERSION,
            "trust_zone": package.trust_zone,
            "node": package.node,
            "host_name": package.host_name,
            "generation": package.generation,
            "central": {
                "host_name": package.central_host_name,
                "addresses": [{"address": address.address, "port": address.port} for address in package.central_addresses],
            },
            "roots": [root.decode() for root in package.roots],
            "service": pair(package.service),
            "client": pair(package.client),
            "cluster": pair(package.cluster),
            "further_service_pairs": [pair(service_pair) for service_pair in package.further_service_pairs],
            "database_key_oids": package.database_key_oids.texts(),
            "nudged_by": package.nudged_by,
            "expires_at": package.expires_at.isoformat(),
        }
    ).encode()


def _from_json(plaintext: bytes) -> Package:
    def pair(members: dict[str, str]) -> Pair:
        return Pair(members["certificate"].encode(), members["private_key"].encode())

    try:
        content = json.loads(plaintext)
        if content["version"] != VERSION:
            raise PackageInvalid(f"The package has version {content['version']}; this agent reads {VERSION}. Update the agent.")
        return Package(
            trust_zone=str(content["trust_zone"]),
            node=str(content["node"]),
            host_name=str(content["host_name"]),
            generation=int(content["generation"]),
            central_host_name=str(content["central"]["host_name"]),
            central_addresses=tuple(
                CentralAddress(str(address["address"]), int(address["port"])) for address in content["central"]["addresses"]
            ),
            roots=tuple(root.encode() for root in content["roots"]),
            service=pair(content["service"]),
            client=pair(content["client"]),
            cluster=pair(content["cluster"]),
            expires_at=datetime.fromisoformat(content["expires_at"]),
            further_service_pairs=tuple(pair(pair_json) for pair_json in content["further_service_pairs"]),
            database_key_oids=database_key.Oids.parse(*content["database_key_oids"]),
            nudged_by=tuple(readers.nudging(content.get("nudged_by", []))),  # packages of older central nodes have no list
        )
    except (KeyError, TypeError, ValueError, AttributeError, ProfileError) as exc:
        raise PackageInvalid("The content of the package cannot be read. Redistribute the node.") from exc


def digest(sealed: bytes) -> str:
    """SHA-256 of the sealed package, hex. Agent and central node identify a package by it."""
    return hashlib.sha256(sealed).hexdigest()


def _within_limit(sealed: str) -> bytes:
    if len(sealed) > MAXIMUM_BYTES:
        raise PackageInvalid(f"The package would have {len(sealed)} bytes. A node accepts at most {MAXIMUM_BYTES}.")
    return sealed.encode()


def seal_with_password(package: Package, password: str) -> bytes:
    """A compact JWE under the canonical `password`; the derivation takes about 0.1 s. Raises: PackageInvalid if too large."""
    salt = secrets.token_bytes(SALT_BYTES)
    tag = package_header.tag_of(password, salt)
    header = _header(package, BY_PASSWORD) | {"p2c": ITERATIONS, "p2s": package_header.encoded(salt), "kid": package_header.encoded(tag)}
    key = OctKey.import_key(password)
    return _within_limit(jwe.encrypt_compact(header, _to_json(package), key, registry=_registry(BY_PASSWORD)))


def _checked(plaintext: bytes, claimed: Claims) -> Package:
    package = _from_json(plaintext)
    try:
        proved = _claims_of(package)
    except (IndexError, ValueError) as exc:
        raise PackageInvalid("The package has no readable root certificate. Redistribute the node.") from exc
    if claimed != proved:
        raise PackageInvalid("The header and the content of the package differ. Redistribute the node.")
    return package


class Opener:
    """Opens packages with one canonical password. The expensive key derivation runs once for each salt."""

    def __init__(self, password: str) -> None:
        self._password = password
        self._keys: dict[bytes, bytes] = {}

    def fits(self, header: Header) -> bool:
        """Whether the tag of the package belongs to this password. This is a cheap filter, not a proof: a header can be copied."""
        return header.tag is not None and hmac.compare_digest(header.tag, package_header.tag_of(self._password, header.salt))

    def _key(self, salt: bytes) -> bytes:
        if salt not in self._keys:
            salted = BY_PASSWORD.encode() + b"\0" + salt  # RFC 7518 section 4.8.1.1
            self._keys[salt] = hashlib.pbkdf2_hmac("sha512", self._password.encode(), salted, ITERATIONS, KEY_BYTES)
        return self._keys[salt]

    def open(self, sealed: bytes) -> Package:
        """Decrypt and check a package. Raises: PackageMalformed, WrongPassword (also if it was altered), PackageInvalid."""
        header = package_header.read(sealed)
        protected, *rest = sealed.split(b".")
        try:
            wrapped, nonce, ciphertext, tag = map(package_header.decoded, rest)
            key = AESGCM(aes_key_unwrap(self._key(header.salt), wrapped))
            plaintext = key.decrypt(nonce, ciphertext + tag, protected)
        except (InvalidUnwrap, InvalidTag, ValueError) as exc:
            raise WrongPassword("The package does not open with this password.") from exc
        return _checked(plaintext, header.claims)


def seal_to_certificate(package: Package, certificate: x509.Certificate) -> bytes:
    """A compact JWE that only the owner of `certificate` (RSA) can decrypt, for renewals over mutual TLS. Raises: PackageInvalid."""
    public_key = certificate.public_key()
    if not isinstance(public_key, rsa.RSAPublicKey):
        raise PackageInvalid("A package can be encrypted only to an RSA certificate, the node's service certificate.")
    pem = public_key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    header = _header(package, BY_CERTIFICATE)
    return _within_limit(jwe.encrypt_compact(header, _to_json(package), RSAKey.import_key(pem), registry=_registry(BY_CERTIFICATE)))


def open_with_private_key(sealed: bytes, private_key: PrivateKey) -> Package:
    """Decrypt and check a renewal. Raises: PackageMalformed, WrongPassword (encrypted to another key), PackageInvalid."""
    if not isinstance(private_key, rsa.RSAPrivateKey):
        raise WrongPassword("Only the RSA key of a service certificate decrypts the package.")
    header = package_header.read(sealed, BY_CERTIFICATE)
    try:
        plaintext = jwe.decrypt_compact(sealed, RSAKey.import_key(keys.to_pem(private_key)), registry=_registry(BY_CERTIFICATE)).plaintext
    except (JoseError, ValueError) as exc:
        raise WrongPassword("The package does not open with this key.") from exc
    return _checked(plaintext or b"", header.claims)
