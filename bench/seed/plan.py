"""What is seeded: the counts, and each node and export with the times of its certificates. The same counts make the same plan."""

import random
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum, auto

from nodes.states import NodeState
from pki.core import lifetime

MONTHS = 12  # the lifetime of certificates, so that a history of a few years has many generations
DUE_AFTER = timedelta(days=244)  # when a certificate of 12 months without a delay of its own is due
PLACES = ("berlin", "hamburg", "muenchen", "lyon", "madrid", "oslo", "porto", "riga", "turin", "zurich")
SERVICES = (("engine",), ("engine", "proxy"), ("scheduler",), ("repository", "engine"), ("printing",))
NODES_OF_AN_ALIAS = 10
# Of 200 nodes, those that are not registered.
STATES = {
    3: NodeState.CREATED, 70: NodeState.CREATED, 15: NodeState.AWAITING_PASSWORD, 28: NodeState.FAILED, 9: NodeState.DECOMMISSIONED,
    120: NodeState.DECOMMISSIONED,
}  # fmt: skip
# Events of each part of a history (bench.seed.histories).
CREATED, REGISTERED, RENEWED, AWAITED, FAILED, EXPORTED, EXPORT_REVOKED, EXPORT_FAILED = 1, 9, 9, 7, 9, 8, 3, 2


class Oddity(StrEnum):
    """What is unusual about a registered node."""

    NONE = ""
    SILENT = auto()
    CLOCK = auto()
    OLD_CERTIFICATE = auto()
    HOOK = auto()
    RENEWAL_FAILED = auto()
    DUE = auto()
    EXPIRING = auto()  # its agent ended before the renewal
    EXPIRED = auto()


@dataclass(frozen=True)
class Counts:
    """How much is seeded. `certificates` counts those of nodes and exports."""

    nodes: int
    certificates: int
    events: int
    jobs: int

    def __post_init__(self) -> None:
        if self.certificates < 3 * self.nodes:
            raise ValueError("Seed at least three certificates for each node.")

    @property
    def exports(self) -> int:
        return max(self.nodes // 50, 5)

    @property
    def browser_certificates(self) -> int:
        return self.nodes // 500 + 2


@dataclass
class PlannedNode:
    """A node, and when each of its generations was issued."""

    number: int
    id: uuid.UUID
    state: NodeState
    oddity: Oddity
    issued: list[datetime]
    created_at: datetime
    ended_at: datetime  # when it was decommissioned, else now
    browser: int | None  # number of its browser certificate
    changes: int = field(default=0)  # further events

    @property
    def place(self) -> str:
        return PLACES[self.number % len(PLACES)]

    @property
    def name(self) -> str:
        return f"{self.place}-{self.number:05d}"

    @property
    def host_name(self) -> str:
        return f"{self.name}.corp.example"

    @property
    def address(self) -> str:
        return f"10.{self.number >> 16}.{self.number >> 8 & 255}.{self.number & 255}"

    @property
    def further_names(self) -> list[str]:
        """A name that it shares with others, and for some nodes a name of their own."""
        alias = f"analytics-{self.number // NODES_OF_AN_ALIAS}.example"
        return [alias, f"{self.name}.dmz.example"] if self.number % 3 == 0 else [alias]

    @property
    def services(self) -> list[str]:
        return [*SERVICES[self.number % len(SERVICES)]]

    @property
    def generation(self) -> int:
        """The generation that was requested last."""
        return len(self.issued) + (self.oddity is Oddity.RENEWAL_FAILED)

    @property
    def is_silent(self) -> bool:
        return self.oddity in (Oddity.SILENT, Oddity.EXPIRING, Oddity.EXPIRED)

    def events(self) -> int:
        """Events of its history, without its changes."""
        match self.state:
            case NodeState.CREATED:
                return CREATED
            case NodeState.AWAITING_PASSWORD:
                return CREATED + AWAITED
            case NodeState.FAILED:
                return CREATED + FAILED
        decommissioned = 1 + 2 * len(self.issued) if self.state is NodeState.DECOMMISSIONED else 0
        failed = 1 if self.oddity is Oddity.RENEWAL_FAILED else 0
        return CREATED + REGISTERED + RENEWED * (len(self.issued) - 1) + decommissioned + failed


@dataclass(frozen=True)
class PlannedExport:
    """An export and when it was made."""

    number: int
    id: uuid.UUID
    made_at: datetime
    is_revoked: bool
    is_failed: bool

    @property
    def machine(self) -> str:
        return f"reports-{self.number:04d}.corp.example"

    def events(self) -> int:
        return EXPORT_FAILED if self.is_failed else EXPORTED + (EXPORT_REVOKED if self.is_revoked else 0)


@dataclass(frozen=True)
class Plan:
    nodes: list[PlannedNode]
    exports: list[PlannedExport]
    begins: datetime
    left_out: int  # the oldest events that are not recorded, because the histories have more than was asked for
    backups: int


def plan_made(counts: Counts, *, now: datetime) -> Plan:
    """Spread the counts over nodes and exports."""
    rng = random.Random(counts.nodes)
    exports = [_export(number, counts.exports, rng, now) for number in range(counts.exports)]
    pairs = counts.certificates // 2 - sum(not export.is_failed for export in exports)
    nodes = list(_nodes(counts, pairs, rng, now))
    natural = sum(planned.events() for planned in [*nodes, *exports])
    left = max(counts.events - natural, 0)
    backups = min(left // 50, 1000)
    share, rest = divmod(left - 2 * backups, len(nodes))
    for planned in nodes:
        planned.changes = share + (planned.number <= rest)
    begins = min(planned.created_at for planned in nodes) - timedelta(days=1)
    return Plan(nodes, exports, begins, max(natural - counts.events, 0), backups)


def _export(number: int, count: int, rng: random.Random, now: datetime) -> PlannedExport:
    """A twentieth is revoked. The first few expire within a month, the next one has expired, and one failed."""
    age = 345 + 3 * number if number < 3 else 370 if number == 3 else rng.uniform(2, 250)
    odd = number % 20
    return PlannedExport(number, _id(rng), now - timedelta(days=age), is_revoked=odd == 7, is_failed=number == count - 1)


def _id(rng: random.Random) -> uuid.UUID:
    return uuid.UUID(int=rng.getrandbits(128), version=4)


def _nodes(counts: Counts, pairs: int, rng: random.Random, now: datetime) -> Iterator[PlannedNode]:
    states = {number: STATES.get(number % 200, NodeState.REGISTERED) for number in range(1, counts.nodes + 1)}
    single = {NodeState.AWAITING_PASSWORD: 1, NodeState.FAILED: 1, NodeState.CREATED: 0}
    several = [number for number, state in states.items() if state not in single]
    share, rest = divmod(pairs - sum(single.get(state, 0) for state in states.values()), len(several))
    generations = {number: share + (place < rest) for place, number in enumerate(several)}
    registered = [number for number, state in states.items() if state is NodeState.REGISTERED]
    odd = _oddities(registered, rng)
    for number, state in states.items():
        oddity = odd.get(number, Oddity.NONE)
        issued = _issued(generations.get(number, single.get(state, 0)), state, oddity, rng, now)
        created_at = (issued[0] if issued else now - timedelta(days=rng.uniform(0, 20))) - timedelta(minutes=rng.uniform(2, 600))
        browser = rng.randrange(counts.browser_certificates) if state is NodeState.REGISTERED and number % 20 == 1 else None
        ended_at = issued[-1] + (now - issued[-1]) * 0.6 if state is NodeState.DECOMMISSIONED else now
        yield PlannedNode(number, _id(rng), state, oddity, issued, created_at, ended_at, browser)


def _oddities(registered: list[int], rng: random.Random) -> dict[int, Oddity]:
    count, chosen = len(registered), iter(rng.sample(registered, len(registered)))
    wanted = {
        Oddity.SILENT: max(count // 500, 1), Oddity.CLOCK: min(count // 20, 5), Oddity.OLD_CERTIFICATE: min(count // 20, 5),
        Oddity.HOOK: min(count // 20, 2), Oddity.RENEWAL_FAILED: min(count // 20, 3), Oddity.DUE: min(count // 8, 20),
        Oddity.EXPIRING: min(count // 20, 4), Oddity.EXPIRED: min(count // 20, 2),
    }  # fmt: skip
    return {next(chosen): oddity for oddity, many in wanted.items() for _ in range(many)}


def _issued(generations: int, state: NodeState, oddity: Oddity, rng: random.Random, now: datetime) -> list[datetime]:
    """When each generation was issued, the first one first. No node is due but those that must be."""
    if state is NodeState.AWAITING_PASSWORD:
        age = timedelta(hours=rng.uniform(1, 20))
    elif oddity is Oddity.DUE:
        age = DUE_AFTER + timedelta(minutes=rng.uniform(10, 55))
    elif oddity is Oddity.EXPIRING:
        age = timedelta(days=rng.uniform(300, 350))
    elif oddity is Oddity.EXPIRED:
        age = timedelta(days=rng.uniform(368, 375))
    else:
        age = timedelta(days=rng.uniform(0.5, 225))
    issued = [now - age] if generations else []
    for _ in range(generations - 1):
        issued.append(issued[-1] - DUE_AFTER - rng.random() * lifetime.LONGEST_SPREAD)
    return [moment.replace(microsecond=0) for moment in reversed(issued)]
