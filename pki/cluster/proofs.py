"""The proof that a node has the site's cluster key: the central node's challenge, signed with it (RFC 7515)."""

import json
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey

from pki.core.errors import PKIError, ProofRefused
from pki.core.keys import PrivateKey

ALGORITHM, PROOF_TYPE = "RS256", "cluster-proof+jwt"
LARGEST_PROOF = 2048


def rsa_key(key: object) -> RSAKey:
    """The key for joserfc. Raises: PKIError if it is not RSA, which RS256 needs."""
    if not isinstance(key, rsa.RSAPrivateKey | rsa.RSAPublicKey):
        raise PKIError("The cluster key is no RSA key. Choose an RSA type for it in QMC_KEY_TYPES.")
    return RSAKey(key, key)  # as an object: joserfc would check the primes of a PEM again


def signed(header: dict[str, str], payload: dict[str, Any], private_key: PrivateKey) -> str:
    """A compact JWS with RS256. Raises: PKIError."""
    registry = jws.JWSRegistry(algorithms=[ALGORITHM])
    return jws.serialize_compact({"alg": ALGORITHM, **header}, json.dumps(payload), rsa_key(private_key), registry=registry)


def opened(token: str, certificate: x509.Certificate, registry: jws.JWSRegistry) -> jws.CompactSignature:
    """The verified signature of a token. Raises: ProofRefused unless the key of `certificate` signed it."""
    try:
        return jws.deserialize_compact(token, rsa_key(certificate.public_key()), registry=registry)
    except (JoseError, PKIError, ValueError, TypeError, RecursionError) as exc:  # joserfc raises other errors for headers of the wrong type
        raise ProofRefused("It was not signed with the key of this certificate.") from exc


def proof_make(private_key: PrivateKey, *, node: str, challenge: str) -> str:
    """The proof for the central node that this node has the cluster key. Raises: PKIError."""
    return signed({"typ": PROOF_TYPE}, {"node": node, "challenge": challenge}, private_key)


def proof_check(proof: str, certificate: x509.Certificate, *, node: str, challenge: str) -> None:
    """Raises: ProofRefused unless the key of `certificate` signed exactly this node and challenge."""
    signature = opened(proof, certificate, jws.JWSRegistry(algorithms=[ALGORITHM]))
    try:
        payload = json.loads(signature.payload)
    except (ValueError, RecursionError):
        payload = None
    if signature.headers() != {"alg": ALGORITHM, "typ": PROOF_TYPE} or payload != {"node": node, "challenge": challenge}:
        raise ProofRefused("The proof is for another node or another challenge.")
