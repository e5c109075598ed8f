"""Whether a call comes from the one who called last as this node (docs/develop/architecture.md, *Turns*)."""

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

RANDOM, TIME, TAG = 32, 12, 32
FORM = re.compile(f"[0-9a-f]{{{RANDOM + TIME + TAG}}}")
# The clocks of two machines that answer for one database may be this far apart.
CLOCKS_APART = timedelta(minutes=1)


class Verdict(StrEnum):
    IN_TURN = "in-turn"
    EARLIER_REGISTRATION = "earlier-registration"
    TWO_CALLERS = "two-callers"
    DATABASE_OLDER = "database-older"


@dataclass(frozen=True)
class Chain:
    """What is known of a node's calls: the latest turn and the one that its caller returned, "" each where there is none; the generation of the
    registration with which they began."""

    latest: str
    before: str
    generation: int
    called_at: datetime


def _tag(secret: bytes, node: str, content: str) -> str:
    return hmac.new(secret, f"turn\0{node}\0{content}".encode(), hashlib.sha256).hexdigest()[:TAG]


def turn_make(secret: bytes, *, node: str, now: datetime) -> str:
    """A random turn that names the moment of its answer, so that a database which was put back is told from a second caller."""
    content = secrets.token_hex(RANDOM // 2) + f"{int(now.timestamp() * 1000):0{TIME}x}"
    return content + _tag(secret, node, content)


def answered_at(secret: bytes, *, node: str, turn: str) -> datetime | None:
    """When the answer with this turn was given to this node; None where it was not given with this secret."""
    content, tag = turn[: RANDOM + TIME], turn[RANDOM + TIME :]
    if not FORM.fullmatch(turn) or not hmac.compare_digest(tag, _tag(secret, node, content)):
        return None
    return datetime.fromtimestamp(int(content[RANDOM:], 16) / 1000, UTC)


def judge(chain: Chain, *, returned: str, generation: int, registers: bool, answered: datetime | None) -> Verdict:
    """What a call says that returns the turn `returned`, with a certificate of `generation`.

    `registers` is true for the first call with the certificate of a new registration: it begins anew. `answered` is when `returned` was given.
    """
    if registers:
        return Verdict.IN_TURN
    if generation < chain.generation:
        return Verdict.EARLIER_REGISTRATION
    if not chain.latest or returned in (chain.latest, chain.before):
        return Verdict.IN_TURN
    if answered is not None and answered > chain.called_at + CLOCKS_APART:
        return Verdict.DATABASE_OLDER
    return Verdict.TWO_CALLERS
