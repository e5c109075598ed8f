"""Tokens for deployments, signed with the site's cluster key (RFC 7515, RFC 7519), and its public key as PEM and JWKS (RFC 7517)."""

import hashlib
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from joserfc import jws

from pki.cluster.proofs import ALGORITHM, opened, rsa_key, signed
from pki.core.errors import ProofRefused
from pki.core.keys import PrivateKey

TOKEN_TYPE, TOKEN_VALID = "JWT", timedelta(minutes=5)


def key_id(certificate: x509.Certificate) -> str:
    """The RFC 7638 thumbprint of the certificate's key. Raises: PKIError."""
    return rsa_key(certificate.public_key()).thumbprint()


def public_pem(certificate: x509.Certificate) -> str:
    """The public key, SubjectPublicKeyInfo."""
    return certificate.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def _jwk(certificate: x509.Certificate) -> dict[str, str]:
    key = rsa_key(certificate.public_key())
    numbers = {name: str(value) for name, value in key.as_dict(private=False).items() if name in ("n", "e")}
    digest = hashlib.sha256(certificate.public_bytes(Encoding.DER)).digest()
    return {
        "kty": "RSA", "use": "sig", "alg": ALGORITHM, "kid": key.thumbprint(), **numbers,
        "x5t#S256": urlsafe_b64encode(digest).decode().rstrip("="),
    }  # fmt: skip


def jwks(certificates: list[x509.Certificate]) -> dict[str, list[dict[str, str]]]:
    """The public keys as a JWK Set, in this order. Raises: PKIError."""
    return {"keys": [_jwk(certificate) for certificate in certificates]}


def signature_holds(token: str, certificate: x509.Certificate) -> bool:
    """Whether the key of `certificate` signed the compact JWS `token` with RS256."""
    registry = jws.JWSRegistry(algorithms=[ALGORITHM], strict_check_header=False)
    registry.max_header_length = registry.max_payload_length = max(len(token), 1)
    try:
        opened(token, certificate, registry)
    except ProofRefused:
        return False
    return True


@dataclass(frozen=True)
class Token:
    """A signed token: it is shown once, and kept nowhere."""

    text: str
    key_id: str
    expires_at: datetime


def token_make(
    *, private_key: PrivateKey, certificate: x509.Certificate, issuer: str, audience: str, token_id: str, now: datetime
) -> Token:
    """A token of five minutes for one audience. Raises: PKIError."""
    at, kid = int(now.timestamp()), key_id(certificate)
    ends = at + int(TOKEN_VALID.total_seconds())
    payload = {"iss": issuer, "aud": audience, "iat": at, "nbf": at, "exp": ends, "jti": token_id}
    return Token(signed({"typ": TOKEN_TYPE, "kid": kid}, payload, private_key), kid, datetime.fromtimestamp(ends, now.tzinfo))
