"""An authenticator app and a security key, as the tests hold them in their hands."""

import hashlib
import json
import os
import time
from datetime import datetime
from typing import Any

from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from django.utils import timezone
from fido2.cose import ES256
from fido2.utils import websafe_decode, websafe_encode
from fido2.webauthn import AttestationObject, AttestedCredentialData, AuthenticatorData

PRESENT_AND_VERIFIED = AuthenticatorData.FLAG.UP | AuthenticatorData.FLAG.UV


def code_at(key: str, moment: datetime, *, steps: int = 0) -> str:
    """What the app shows then, or so many steps later."""
    return format_hotp_value(hotp_value(key.replace(" ", ""), int(moment.timestamp()) // 30 + steps))


def code_now(key: str, *, steps: int = 0) -> str:
    """What the app shows now, or so many steps later.

    The last 5 s of a period are waited out. So the console, which counts the periods for itself, finds the code in the same period.
    """
    while time.time() % 30 > 25:
        time.sleep(0.1)
    return code_at(key, timezone.now(), steps=steps)


class SecurityKey:
    """A passkey in software."""

    def __init__(self) -> None:
        self.key, self.id, self.user = ec.generate_private_key(ec.SECP256R1()), os.urandom(16), ""

    def made(self, options: dict[str, Any], *, origin: str = "https://testserver", flags: int = PRESENT_AND_VERIFIED) -> dict[str, Any]:
        """The answer to `navigator.credentials.create`."""
        asked = options["publicKey"]
        self.user, public = asked["user"]["id"], ES256.from_cryptography_key(self.key.public_key())
        held = AttestedCredentialData.create(b"\0" * 16, self.id, public)
        data = AuthenticatorData.create(_hash(asked["rp"]["id"]), flags | AuthenticatorData.FLAG.AT, 0, held)
        attestation = websafe_encode(AttestationObject.create("none", data, {}))
        return self._named({"clientDataJSON": _client("webauthn.create", asked["challenge"], origin), "attestationObject": attestation})

    def used(self, options: dict[str, Any], *, origin: str = "https://testserver", flags: int = PRESENT_AND_VERIFIED) -> dict[str, Any]:
        """The answer to `navigator.credentials.get`."""
        asked = options["publicKey"]
        data, client = AuthenticatorData.create(_hash(asked["rpId"]), flags, 1), _client("webauthn.get", asked["challenge"], origin)
        signature = self.key.sign(data + hashlib.sha256(websafe_decode(client)).digest(), ec.ECDSA(hashes.SHA256()))
        return self._named(
            {
                "clientDataJSON": client,
                "authenticatorData": websafe_encode(data),
                "signature": websafe_encode(signature),
                "userHandle": self.user,
            }
        )

    def _named(self, response: dict[str, Any]) -> dict[str, Any]:
        number = websafe_encode(self.id)
        return {"id": number, "rawId": number, "type": "public-key", "response": response, "clientExtensionResults": {}}


def _hash(name: str) -> bytes:
    return hashlib.sha256(name.encode()).digest()


def _client(kind: str, challenge: str, origin: str) -> str:
    return websafe_encode(json.dumps({"type": kind, "challenge": challenge, "origin": origin, "crossOrigin": False}).encode())
