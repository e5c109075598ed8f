"""Checkpoints: signed statements of the last event of an audit log at a time.

A checkpoint is a compact JWS (RFC 7515) with Ed25519 (RFC 8037, RFC 9864), one line of a file. Each one names the line before it.
"""

import hashlib
import json
import re
import uuid
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey

from pki.core import clocks
from pki.core.errors import CheckpointMalformed, PKIError
from pki.evidence.events import Place, canonical

ALGORITHM = "Ed25519"
LARGEST_LINE = 16_000  # characters; the longest reason with the longest findings has about 13 600
DIGEST = re.compile("[0-9a-f]{64}")


@dataclass(frozen=True)
class Gap:
    """An accepted gap: the log lost what was written between `before`, the last checkpoint, and `after`, where it goes on.

    `after` is the last event of the log when the gap was accepted: an earlier one than `before`, or one of a log that was computed anew.
    `by` is the person or process that accepted it.
    """

    reason: str
    by: str
    before: Place
    after: Place


@dataclass(frozen=True)
class Removed:
    """Retention removes the events up to `sequence`, whose digest is `digest`. `sha256` is that of the file that they were exported to."""

    sequence: int
    digest: str
    sha256: str
    by: str


@dataclass(frozen=True)
class Checkpoint:
    """At the time `at` (whole seconds), the event `sequence` was the last one of the log of this trust zone.

    `number` is 1, 2, 3 and so on. `previous` is the `line_digest` of the checkpoint before it, and empty in the first one.
    """

    zone: uuid.UUID
    number: int
    sequence: int
    digest: str
    at: datetime
    previous: str
    gap: Gap | None = None
    removed: Removed | None = None

    @property
    def place(self) -> Place:
        return Place(self.sequence, self.digest)

    @property
    def text(self) -> str:
        """What a person decided with this checkpoint, in a sentence; "" for nothing."""
        on = f"on {clocks.stamp(self.at)}"
        if gap := self.gap:
            lost = f"events {gap.after.sequence + 1} to {gap.before.sequence} of that time are lost"
            if gap.before.sequence <= gap.after.sequence:
                lost = f"up to event {gap.after.sequence}, the log differs from what was signed before"
            return f"Accepted gap: {gap.by} accepted {on} that {lost}. Reason: {gap.reason}"
        if removed := self.removed:
            return f"Retention: {removed.by} removed the events up to {removed.sequence} {on}, exported to a file with SHA-256 {removed.sha256}."
        return ""


def signed(checkpoint: Checkpoint, private_key: Ed25519PrivateKey) -> str:
    """The checkpoint as one line without a line break. The same checkpoint and key give the same line. Raises: PKIError if the line is longer than LARGEST_LINE."""
    header = {"alg": ALGORITHM, "kid": key_id(private_key.public_key())}
    key = OKPKey(private_key, private_key)
    line = jws.serialize_compact(header, canonical(_payload(checkpoint)), key, registry=_registry())
    if len(line) > LARGEST_LINE:
        raise PKIError(f"The checkpoint would have {len(line)} characters, and the most is {LARGEST_LINE}. Give a shorter reason.")
    return line


def opened(line: str, public_key: Ed25519PublicKey) -> Checkpoint:
    """The checkpoint of one line, with or without its line break. Raises: CheckpointMalformed unless this key signed it."""
    text = line.removesuffix("\n")
    try:
        if len(text) > LARGEST_LINE or not _is_canonical(text):
            raise ValueError("it has another form")
        signature = jws.deserialize_compact(text, OKPKey(public_key, public_key), registry=_registry())
        checkpoint = _checkpoint(json.loads(signature.payload))
        if signature.headers() != {"alg": ALGORITHM, "kid": key_id(public_key)}:
            raise ValueError("it names another key")
        if canonical(_payload(checkpoint)).encode() != signature.payload:
            raise ValueError("its content has another form")
    except (JoseError, ValueError, TypeError, KeyError, AttributeError, OSError, OverflowError, RecursionError) as exc:
        raise CheckpointMalformed("This is not a checkpoint that was signed with this key.") from exc
    return checkpoint


def line_digest(line: str) -> str:
    """The SHA-256 of a line without its line break, in hexadecimal digits: the `previous` of the next checkpoint."""
    return hashlib.sha256(line.removesuffix("\n").encode()).hexdigest()


def chain_of(lines: Iterable[str], public_key: Ed25519PublicKey, *, after: tuple[Checkpoint, str] | None = None) -> Iterator[Checkpoint]:
    """The checkpoints of consecutive lines. Each must follow from the one before it.

    `after` is the checkpoint before the first line, with its line. Without it, the first line can be any checkpoint; a whole file begins with number 1.
    Raises: CheckpointMalformed, with the number of the line that does not fit, counted from 1.
    """
    before, previous = (after[0], line_digest(after[1])) if after else (None, "")
    for number, line in enumerate(lines, 1):
        try:
            checkpoint = opened(line, public_key)
        except CheckpointMalformed as exc:
            raise CheckpointMalformed(
                f"Line {number} of the checkpoints was changed, or was signed with another key.", line=number
            ) from exc
        if before and not _follows(checkpoint, before, previous):
            raise CheckpointMalformed(f"Line {number} of the checkpoints does not follow from the line before it.", line=number)
        before, previous = checkpoint, line_digest(line)
        yield checkpoint


def _follows(checkpoint: Checkpoint, before: Checkpoint, previous: str) -> bool:
    if (checkpoint.number, checkpoint.previous, checkpoint.zone) != (before.number + 1, previous, before.zone):
        return False
    return checkpoint.gap is not None or checkpoint.sequence >= before.sequence


def key_id(public_key: Ed25519PublicKey) -> str:
    """The RFC 7638 thumbprint of the key."""
    return OKPKey(public_key, public_key).thumbprint()


def public_key_text(public_key: Ed25519PublicKey) -> str:
    """The public key, SubjectPublicKeyInfo in PEM."""
    return public_key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def public_key_from(text: str) -> Ed25519PublicKey:
    """The public key of `public_key_text`. Raises: PKIError."""
    try:
        key = load_pem_public_key(text.encode())
    except (ValueError, UnsupportedAlgorithm) as exc:
        raise PKIError("This is not a public key in PEM. Give the file with the public key of the checkpoints.") from exc
    if not isinstance(key, Ed25519PublicKey):
        raise PKIError("This is a public key of another type. The key of the checkpoints is Ed25519.")
    return key


def _registry() -> jws.JWSRegistry:
    registry = jws.JWSRegistry(algorithms=[ALGORITHM])
    registry.max_payload_length = LARGEST_LINE
    return registry


def _is_canonical(text: str) -> bool:
    """Whether no other text has the same bytes: the last character of a part in base64url has bits that decoders ignore."""
    parts = text.split(".")
    return len(parts) == 3 and all(_encoded(urlsafe_b64decode(part + "=" * (-len(part) % 4))) == part for part in parts)


def _encoded(content: bytes) -> str:
    return urlsafe_b64encode(content).decode().rstrip("=")


def _payload(checkpoint: Checkpoint) -> dict[str, Any]:
    payload: dict[str, Any] = {
        "zone": str(checkpoint.zone),
        "number": checkpoint.number,
        "sequence": checkpoint.sequence,
        "digest": checkpoint.digest,
        "at": int(checkpoint.at.timestamp()),
        "previous": checkpoint.previous,
    }
    if gap := checkpoint.gap:
        payload["gap"] = {"reason": gap.reason, "by": gap.by, "before": _place(gap.before), "after": _place(gap.after)}
    if removed := checkpoint.removed:
        payload["removed"] = {**_place(Place(removed.sequence, removed.digest)), "sha256": removed.sha256, "by": removed.by}
    return payload


def _place(place: Place) -> dict[str, Any]:
    return {"sequence": place.sequence, "digest": place.digest}


def _checkpoint(payload: dict[str, Any]) -> Checkpoint:
    gap, removed = payload.pop("gap", None), payload.pop("removed", None)
    checkpoint = Checkpoint(
        **payload
        | {
            "zone": uuid.UUID(payload["zone"]),
            "at": datetime.fromtimestamp(payload["at"], UTC),
            "gap": gap and Gap(**gap | {"before": Place(**gap["before"]), "after": Place(**gap["after"])}),
            "removed": removed and Removed(**removed),
        }
    )
    places = [checkpoint.place, *((checkpoint.gap.before, checkpoint.gap.after) if checkpoint.gap else ())]
    places += [Place(removed.sequence, removed.digest)] if (removed := checkpoint.removed) else []
    if not all(DIGEST.fullmatch(place.digest) if place.sequence else place == Place() for place in places):
        raise ValueError("a digest has another form")
    texts = [checkpoint.previous]
    texts += [checkpoint.gap.reason, checkpoint.gap.by] if checkpoint.gap else []
    texts += [removed.sha256, removed.by] if removed else []
    numbers = [checkpoint.number, *(place.sequence for place in places)]
    if not all(isinstance(text, str) for text in texts) or not all(type(number) is int and number >= 0 for number in numbers):
        raise TypeError("a member has another type")
    return checkpoint
