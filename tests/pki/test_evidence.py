"""The audit log as evidence: events, checkpoints, and what a file of them proves."""

import json
import uuid
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from pki.core.errors import CheckpointMalformed, EventMalformed, PKIError
from pki.evidence.checkpoints import Checkpoint, Gap, Removed, chain_of, line_digest, opened, public_key_from, public_key_text, signed
from pki.evidence.events import Place, RecordedEvent, digest_of, event_line

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
ZONE = uuid.UUID(int=9)
KEY = Ed25519PrivateKey.generate()
PUBLIC = KEY.public_key()


def chained(event: RecordedEvent) -> RecordedEvent:
    return replace(event, digest=digest_of(event))


OLD = RecordedEvent(
    sequence=7, id=uuid.UUID(int=1), at=NOW, actor="ann", action="node.created", target_type="nodes.node", target_id=uuid.UUID(int=2),
    target_label="rim", detail={"name": "Zoë"}, previous="00", digest="",
)  # fmt: skip
# As the versions computed them that brought these fields.
DIGESTS = {
    "version 0.2.0": (OLD, "3b3f5c7aeea34d86fc6300e3ded58a07c528363fa49a16245fbe26655b60db30"),
    "outcome and request": (
        replace(OLD, outcome="refused", request_id="7a6f"),
        "bd84f0f3cd69ba046ecc296b40cf704dde8f1287b04ec8a3d65ec267c53915c4",
    ),
    "address and credential": (
        replace(OLD, address="10.4.2.1", credential="token 8"),
        "ea574fcc3edd9f549808e5b6b53efbca7fb2706c3d813488f2984a2743e124c8",
    ),
}


@pytest.mark.parametrize(("event", "digest"), DIGESTS.values(), ids=DIGESTS.keys())
def test_a_digest_never_changes(event: RecordedEvent, digest: str) -> None:
    assert digest_of(event) == digest


texts = st.text(max_size=20)
details = st.dictionaries(
    texts,
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts, st.lists, max_leaves=5
    ),
    max_size=3,
)
events = st.builds(
    RecordedEvent,
    sequence=st.integers(1, 2**63 - 1), id=st.uuids(), at=st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=5))])).filter(lambda at: 2 < at.year < 9998),
    actor=texts, action=texts, target_type=texts, target_id=st.uuids(), target_label=texts, detail=details, previous=texts, digest=texts,
    outcome=st.sampled_from(["done", "refused", "failed"]), request_id=texts, address=texts, credential=texts,
)  # fmt: skip


@given(events)
def test_an_event_is_the_same_after_a_file(event: RecordedEvent) -> None:
    read = RecordedEvent.from_line(event_line(event) + "\n")
    assert (read, digest_of(read)) == (event, digest_of(event))


@given(events, events)
def test_two_events_with_one_digest_are_one_event(first: RecordedEvent, second: RecordedEvent) -> None:
    assert (digest_of(first) == digest_of(second)) == (replace(first, digest="") == replace(second, digest=""))


LINE = event_line(chained(OLD))
MALFORMED_EVENTS = {
    "empty": "",
    "no JSON": "{",
    "a list": "[]",
    "a number": "7",
    "nested deeply": "[" * 100_000,
    "a member more": LINE[:-1] + ',"more":1}',
    "a member twice": LINE.replace('"actor":"ann"', '"actor":"eve","actor":"ann"'),
    "a space": LINE.replace('"actor":', '"actor": '),
    "another order": json.dumps(json.loads(LINE)),
    "a default": LINE.replace('"previous"', '"outcome":"done","previous"'),
    "letters that are not escaped": LINE.replace("\\u00eb", "ë"),
    "a sequence that is a text": LINE.replace('"sequence":7', '"sequence":"7"'),
    "a sequence that is a float": LINE.replace('"sequence":7', '"sequence":7.0'),
    "a sequence that is true": LINE.replace('"sequence":7', '"sequence":true'),
    "sequence 0": LINE.replace('"sequence":7', '"sequence":0'),
    "a detail that is a text": LINE.replace('{"name":"Zo\\u00eb"}', '"x"'),
    "a detail that is no number": LINE.replace('"Zo\\u00eb"', "NaN"),
    "an actor that is a list": LINE.replace('"ann"', '["ann"]'),
    "a target of two": LINE.replace('"nodes.node",', ""),
    "no digest": LINE[: LINE.index('"digest"')] + LINE[LINE.index('"id"') :],
    "a time without a zone": LINE.replace("+00:00", ""),
    "a time of another zone": LINE.replace("+00:00", "+01:00"),
    "a UUID of another form": LINE.replace(str(uuid.UUID(int=1)), str(uuid.UUID(int=1)).replace("-", "")),
    "too long": LINE.replace("rim", "r" * 1_000_000),
    "two lines": LINE + "\n" + LINE,
}


@pytest.mark.parametrize("line", MALFORMED_EVENTS.values(), ids=MALFORMED_EVENTS.keys())
def test_an_event_has_one_form(line: str) -> None:
    RecordedEvent.from_line(LINE)
    with pytest.raises(EventMalformed):
        RecordedEvent.from_line(line)


FIRST = Checkpoint(ZONE, 1, 7, "ab" * 32, NOW, "")
CHECKPOINTS = {
    "plain": FIRST,
    "gap": replace(FIRST, gap=Gap("restored on Monday", "root", Place(900, "cd" * 32), Place(7, "ab" * 32))),
    "removed": replace(FIRST, removed=Removed(5, "ef" * 32, "01" * 32, "ann")),
    "of an empty log": replace(FIRST, sequence=0, digest=""),
}


@pytest.mark.parametrize("checkpoint", CHECKPOINTS.values(), ids=CHECKPOINTS.keys())
def test_a_checkpoint_is_the_same_after_a_file(checkpoint: Checkpoint) -> None:
    line = signed(checkpoint, KEY)
    assert opened(line + "\n", public_key_from(public_key_text(PUBLIC))) == checkpoint
    assert signed(checkpoint, KEY) == line


def signed_as(payload: object, header: dict[str, str] | None = None) -> str:
    """A line that this key signed, with any content."""
    kid = json.loads(decoded(signed(FIRST, KEY).split(".")[0]))["kid"]
    text = payload if isinstance(payload, str) else json.dumps(payload, sort_keys=True, separators=(",", ":"))
    parts = [json.dumps(header or {"alg": "Ed25519", "kid": kid}, separators=(",", ":")), text]
    body = ".".join(urlsafe_b64encode(part.encode()).decode().rstrip("=") for part in parts)
    return body + "." + urlsafe_b64encode(KEY.sign(body.encode())).decode().rstrip("=")


def decoded(part: str) -> bytes:
    return urlsafe_b64decode(part + "=" * (-len(part) % 4))


PLAIN = signed(FIRST, KEY)
PAYLOAD: dict[str, Any] = json.loads(decoded(PLAIN.split(".")[1]))
MALFORMED = {
    "empty": "",
    "no JWS": "{}",
    "cut": PLAIN[:-1],
    "another signature": PLAIN[:-10] + ("A" if PLAIN[-10] != "A" else "B") + PLAIN[-9:],
    "another key": signed(FIRST, Ed25519PrivateKey.generate()),
    "the same bytes in another text": PLAIN[:-1] + chr(ord(PLAIN[-1]) + 1),
    "padded": PLAIN + "==",
    "a space": PLAIN + " ",
    "two line breaks": PLAIN + "\n\n",
    "another algorithm": signed_as(PAYLOAD, {"alg": "none", "kid": "x"}),
    "another kid": signed_as(PAYLOAD, {"alg": "Ed25519", "kid": "x"}),
    "no kid": signed_as(PAYLOAD, {"alg": "Ed25519"}),
    "no object": signed_as([1]),
    "no JSON": signed_as("{"),
    "nested deeply": signed_as("[" * 5000),
    "a member more": signed_as(PAYLOAD | {"more": 1}),
    "a member less": signed_as({name: value for name, value in PAYLOAD.items() if name != "digest"}),
    "another form": signed_as(json.dumps(PAYLOAD)),
    "a number that is a text": signed_as(PAYLOAD | {"number": "1"}),
    "a number that is true": signed_as(PAYLOAD | {"number": True}),
    "a sequence below 0": signed_as(PAYLOAD | {"sequence": -1}),
    "a time that no clock has": signed_as(PAYLOAD | {"at": 10**30}),
    "a time with a fraction": signed_as(PAYLOAD | {"at": 0.5}),
    "a zone that is no UUID": signed_as(PAYLOAD | {"zone": "x"}),
    "a digest that is a number": signed_as(PAYLOAD | {"digest": 1}),
    "a gap that is a text": signed_as(PAYLOAD | {"gap": "x"}),
    "an empty gap": signed_as(PAYLOAD | {"gap": {}}),
    "a removal without its file": signed_as(PAYLOAD | {"removed": {"sequence": 1, "digest": "", "by": "ann"}}),
    "letters outside ASCII": "é" + PLAIN,
    "too long": signed_as(PAYLOAD | {"digest": "a" * 9000}),
}  # fmt: skip


@pytest.mark.parametrize("line", MALFORMED.values(), ids=MALFORMED.keys())
def test_a_checkpoint_has_one_form_and_one_key(line: str) -> None:
    assert opened(signed_as(PAYLOAD), PUBLIC) == FIRST
    with pytest.raises(CheckpointMalformed):
        opened(line, PUBLIC)


def lines_of(*checkpoints: Checkpoint) -> list[str]:
    """Each names the line before it."""
    lines: list[str] = []
    for checkpoint in checkpoints:
        lines.append(signed(replace(checkpoint, previous=line_digest(lines[-1]) if lines else ""), KEY))
    return lines


WHOLE = lines_of(*(replace(FIRST, number=number, sequence=number * 10) for number in range(1, 6)))
CHAINS = {
    "one removed": ([*WHOLE[:2], *WHOLE[3:]], 3),
    "the first one is changed": (["x", *WHOLE], 1),
    "one changed": ([*WHOLE[:2], PLAIN + "x", *WHOLE[3:]], 3),
    "two changed places": ([*WHOLE[:2], WHOLE[3], WHOLE[2], WHOLE[4]], 3),
    "one twice": ([*WHOLE[:2], *WHOLE[1:]], 3),
    "of another zone": ([*WHOLE, signed(replace(FIRST, zone=uuid.UUID(int=1), number=6, previous=line_digest(WHOLE[-1])), KEY)], 6),
    "of another key": ([*WHOLE, signed(replace(FIRST, number=6, previous=line_digest(WHOLE[-1])), Ed25519PrivateKey.generate())], 6),
    "a blank line": ([*WHOLE[:4], "\n", WHOLE[4]], 5),
}


@pytest.mark.parametrize(("lines", "bad"), CHAINS.values(), ids=CHAINS.keys())
def test_a_line_that_does_not_follow_is_named(lines: list[str], bad: int) -> None:
    assert [checkpoint.number for checkpoint in chain_of(WHOLE, PUBLIC)] == [1, 2, 3, 4, 5]
    followed = []
    with pytest.raises(CheckpointMalformed, match=f"Line {bad} ") as refused:
        followed += chain_of(lines, PUBLIC)
    assert refused.value.line == bad


def test_a_chain_goes_on_after_a_known_line() -> None:
    (last,) = list(chain_of(WHOLE[1:2], PUBLIC))
    assert [checkpoint.number for checkpoint in chain_of(WHOLE[2:], PUBLIC, after=(last, WHOLE[1]))] == [3, 4, 5]
    with pytest.raises(CheckpointMalformed, match="Line 1 "):
        list(chain_of(WHOLE[3:], PUBLIC, after=(last, WHOLE[1])))


OTHER_TYPE = ec.generate_private_key(ec.SECP256R1()).public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


@pytest.mark.parametrize(("text", "why"), [("", "not a public key"), ("x\ud800", "not a public key"), (OTHER_TYPE, "another type")])
def test_another_file_is_no_public_key(text: str, why: str) -> None:
    with pytest.raises(PKIError, match=why):
        public_key_from(text)
