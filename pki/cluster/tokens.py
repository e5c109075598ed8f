"""What the site's cluster key signs: proofs of nodes, and tokens for deployments (RFC 7515, RFC 7519); its public half as PEM and JWKS (RFC 7517)."""

import hashlib
import json
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey

from pki.core.errors import PKIError, ProofRefused
from pki.core.keys import PrivateKey

ALGORITHM, TOKEN_TYPE, PROOF_TYPE = "RS256", "JWT", "cluster-proof+jwt"
TOKEN_VALID = timedelta(minutes=5)
LARGEST_PROOF = 2048


def rsa_key(key: object) -> RSAKey:
    """Raises: PKIError: RS256 is RSA."""
    if not isinstance(key, rsa.RSAPrivateKey | rsa.RSAPublicKey):
        raise PKIError("The cluster key is no RSA key. Choose an RSA type for it in QMC_KEY_TYPES.")
    return RSAKey(key, key)  # as it is: joserfc would check the primes of a PEM again


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
    return {"keys": [_jwk(each) for each in certificates]}


def _signed(header: dict[str, str], payload: dict[str, Any], private_key: PrivateKey) -> str:
    registry = jws.JWSRegistry(algorithms=[ALGORITHM])
    return jws.serialize_compact({"alg": ALGORITHM, **header}, json.dumps(payload), rsa_key(private_key), registry=registry)


def _opened(token: str, certificate: x509.Certificate, registry: jws.JWSRegistry) -> jws.CompactSignature:
    """Raises: ProofRefused unless the key of `certificate` signed it."""
    try:
        return jws.deserialize_compact(token, rsa_key(certificate.public_key()), registry=registry)
    except (JoseError, PKIError, ValueError, TypeError, RecursionError) as exc:  # joserfc trips over headers of the wrong type
        raise ProofRefused("It was not signed with the key of this certificate.") from exc


def signature_holds(token: str, certificate: x509.Certificate) -> bool:
    """Whether the key of `certificate` signed the compact JWS `token` with RS256."""
    registry = jws.JWSRegistry(algorithms=[ALGORITHM], strict_check_header=False)
    registry.max_header_length = registry.max_payload_length = max(len(token), 1)
    try:
        _opened(token, certificate, registry)
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
    return Token(_signed({"typ": TOKEN_TYPE, "kid": kid}, payload, private_key), kid, datetime.fromtimestamp(ends, now.tzinfo))


def proof_make(private_key: PrivateKey, *, node: str, challenge: str) -> str:
    """What proves to the central node that this node holds the cluster key. Raises: PKIError."""
    return _signed({"typ": PROOF_TYPE}, {"node": node, "challenge": challenge}, private_key)


def proof_check(proof: str, certificate: x509.Certificate, *, node: str, challenge: str) -> None:
    """Raises: ProofRefused unless the key of `certificate` signed just this node and challenge."""
    opened = _opened(proof, certificate, jws.JWSRegistry(algorithms=[ALGORITHM]))
    try:
        said = json.loads(opened.payload)
    except (ValueError, RecursionError):
        said = None
    if opened.headers() != {"alg": ALGORITHM, "typ": PROOF_TYPE} or said != {"node": node, "challenge": challenge}:
        raise ProofRefused("The proof is for another node or another challenge.")
