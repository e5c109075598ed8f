"""The history of each node and export: its steps in the order of time, with the rows and events that the product would have written."""

import random
import secrets
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from heapq import merge
from typing import Any

from agent.version import VERSION
from audit.actors import SYSTEM, system_for
from bench.seed.certificates import Holder, Maker
from bench.seed.log import SeededEvent, Step, target_of
from bench.seed.plan import SERVICES, Oddity, Plan, PlannedExport, PlannedNode
from certs.models import Certificate, Export, TrustZone
from certs.states import CertificateStatus
from jobs.models import Job
from nodes.inventory.intervals import silence_after
from nodes.jobs import REGISTRATION
from nodes.models import Node, Observation, Registration, Renewal
from nodes.observation.callers import turn_make
from nodes.observation.models import PROOF_LASTS, derived_columns
from nodes.registration.services import VALID
from nodes.states import NodeState, RenewalStatus
from pki.issuing.revocation_list import RevocationCode

ADMIN, BY_SYSTEM, FOR_ADMIN = "admin", SYSTEM.label, system_for("admin").label
FAILURE = "The node refused the connection on port 4444. The registration stopped after 3 minutes. Fix the cause, then press Redistribute."
NOT_MADE = "Its certificates were not created within 60 minutes. Check on the overview page that the workers run, then renew again."
PACKAGE = 9000  # bytes
S = timedelta(seconds=1)


@dataclass(frozen=True)
class World:
    """What all histories share."""

    maker: Maker
    zone: TrustZone
    cluster: Certificate
    key_id: str
    central: list[str]
    browser: list[str]  # SHA-256 of the browser certificates
    now: datetime
    interval: timedelta  # between the calls of a node


@dataclass(frozen=True)
class Signed:
    """What events say about a certificate."""

    kind: str
    target: tuple[str, uuid.UUID, str]
    serial: str
    sha256: str

    @classmethod
    def of(cls, row: Certificate) -> "Signed":
        return cls(row.kind, target_of(row), row.serial, row.sha256)

    def moved(self, actor: str, before: str, to: str, reason: str = "") -> SeededEvent:
        detail = {"from": before, "to": to, "reason": reason, "serial": self.serial, "sha256": self.sha256}
        return SeededEvent(actor, "certificate.transition", self.target, detail)


def _issued(pair: Iterable[Certificate], actor: str) -> Iterator[SeededEvent]:
    """The events of new certificates."""
    for row in pair:
        detail = {"holder": row.holder, "generation": row.generation, "serial": row.serial}
        yield SeededEvent(actor, "certificate.recorded", target_of(row), detail)
        yield Signed.of(row).moved(actor, "issuing", "issued")


class NodeHistory:
    """The steps of one node."""

    def __init__(self, planned: PlannedNode, node: Node, world: World) -> None:
        self.planned, self.node, self.world = planned, node, world
        self.holder = Holder(node.pk, node.host_name, node.host_name, (*node.subject_alternative_names, node.address))
        self.signed: list[Signed] = []  # the newest last

    def steps(self) -> Iterator[Step]:
        return merge(self._life(), self._changes(), key=lambda step: step.at)

    def _event(self, actor: str, action: str, **detail: Any) -> SeededEvent:
        return SeededEvent(actor, action, target_of(self.node), detail)

    def _moved(self, actor: str, before: str, to: str, reason: str = "") -> SeededEvent:
        return self._event(actor, "node.transition", **{"from": before, "to": to, "reason": reason})

    def _life(self) -> Iterator[Step]:
        planned = self.planned
        yield Step(planned.created_at, (self._event(ADMIN, "node.created", host_name=planned.host_name, address=planned.address),))
        for generation, at in enumerate(planned.issued, 1):
            yield from self._renewed(generation, at) if generation > 1 else self._registered(at)
        if planned.state is NodeState.DECOMMISSIONED:
            revoked = (signed.moved(BY_SYSTEM, "issued", "revoked", "node decommissioned") for signed in self.signed)
            yield Step(planned.ended_at, (self._moved(ADMIN, "registered", "decommissioned"), *revoked))
        if planned.oddity is Oddity.RENEWAL_FAILED:
            yield self._not_renewed(len(planned.issued) + 1, self.world.now - timedelta(hours=5))
        if planned.state is NodeState.REGISTERED:
            yield Step(self.world.now, (), (self._observed(),))

    def _pair(self, generation: int, at: datetime) -> tuple[Certificate, Certificate]:
        """The certificates of a generation, with what became of them later."""
        planned = self.planned
        later: dict[str, Any] = {}
        if generation < len(planned.issued):
            reason = f"generation {generation + 1} is verified"
            later = {"status": CertificateStatus.SUPERSEDED, "superseded_at": planned.issued[generation] + 40 * S, "reason": reason}
        if planned.state in (NodeState.DECOMMISSIONED, NodeState.FAILED):
            later |= {"status": CertificateStatus.REVOKED, "revocation_code": RevocationCode.CESSATION_OF_OPERATION}
            if planned.state is NodeState.FAILED:
                later |= {"revoked_at": at + 190 * S, "reason": "registration failed"}
            else:
                later |= {"revoked_at": planned.ended_at, "reason": "node decommissioned"}
        pair = self.world.maker.pair(self.holder, generation, at=at, spread=planned.oddity is not Oddity.DUE, **later)
        self.signed += map(Signed.of, pair)
        return pair

    def _registered(self, at: datetime) -> Iterator[Step]:
        node, state, pair = self.node, self.planned.state, self._pair(1, at)
        registration = Registration(
            node=node, generation=1, actor=ADMIN, created_at=at - 2 * S, expires_at=at - 2 * S + VALID, sealed_at=at + 3 * S,
            digest=secrets.token_hex(32),
        )  # fmt: skip
        yield Step(at - 2 * S, (self._moved(ADMIN, "created", "issuing"),))
        sent = Step(at, (*_issued(pair, FOR_ADMIN), self._moved(FOR_ADMIN, "issuing", "distributing")), (registration, *pair))
        if state is NodeState.FAILED:
            yield sent
            revoked = (signed.moved(BY_SYSTEM, "issued", "revoked", "registration failed") for signed in self.signed)
            yield Step(at + 190 * S, (self._moved(BY_SYSTEM, "distributing", "failed", FAILURE), *revoked))
            return
        registration.accepted_at = at + 5 * S
        waits = state is NodeState.AWAITING_PASSWORD
        if waits:
            registration.package = secrets.token_bytes(PACKAGE)
        else:
            registration.heard_at = at + 90 * S
        yield replace(sent, rows=(*sent.rows, self._waiting_job(at - 2 * S))) if waits else sent
        yield Step(at + 5 * S, (self._moved(BY_SYSTEM, "distributing", "awaiting_password"),))
        if not waits:
            yield Step(at + 90 * S, (self._moved(f"node {node}", "awaiting_password", "verifying"),))
            yield Step(at + 91 * S, (self._moved(BY_SYSTEM, "verifying", "registered"),))

    def _waiting_job(self, at: datetime) -> Job:
        return Job(
            task=REGISTRATION, subject=self.node.pk, title=f"Registration of {self.node}", actor=ADMIN, created_at=at,
            next_attempt_at=self.world.now + 20 * S, claims=30, progress=NodeState.AWAITING_PASSWORD,
        )  # fmt: skip

    def _renewal(self, actor: str, generation: int, before: str, to: str, reason: str = "") -> SeededEvent:
        return self._event(actor, "renewal.transition", **{"from": before, "to": to, "reason": reason, "generation": generation})

    def _renewed(self, generation: int, at: datetime) -> Iterator[Step]:
        older, pair = self.signed[-2:], self._pair(generation, at)
        renewal = Renewal(
            node=self.node, generation=generation, actor=BY_SYSTEM, created_at=at - S, status=RenewalStatus.PROVED, status_since=at + 40 * S
        )
        offered = self._renewal(BY_SYSTEM, generation, "requested", "offered")
        yield Step(at, (*_issued(pair, BY_SYSTEM), offered), (renewal, *pair))
        yield Step(at + 30 * S, (self._renewal(f"node {self.node}", generation, "offered", "proving"),))
        superseded = (signed.moved(BY_SYSTEM, "issued", "superseded", f"generation {generation} is verified") for signed in older)
        yield Step(at + 40 * S, (self._renewal(BY_SYSTEM, generation, "proving", "proved"), *superseded))

    def _not_renewed(self, generation: int, at: datetime) -> Step:
        renewal = Renewal(
            node=self.node, generation=generation, actor=ADMIN, created_at=at - timedelta(hours=1), status=RenewalStatus.FAILED,
            status_since=at, reason=NOT_MADE,
        )  # fmt: skip
        return Step(at, (self._renewal(BY_SYSTEM, generation, "requested", "failed", NOT_MADE),), (renewal,))

    def _changes(self) -> Iterator[Step]:
        """Changes of the node by a person, and of its browser certificate."""
        planned, rng = self.planned, random.Random(self.planned.number)
        until = planned.ended_at - planned.created_at - timedelta(hours=1)
        for number, part in enumerate(sorted(rng.random() for _ in range(planned.changes))):
            if number % 2:
                detail = {"revision": rng.randbytes(32).hex(), "problem": ""}
                event = self._event(f"node {self.node}", "node.browser_certificate_taken", **detail)
            else:
                before, to = ({"services": [*services]} for services in rng.sample(SERVICES, 2))
                event = self._event(ADMIN, "node.changed", **{"from": before, "to": to})
            yield Step(planned.created_at + part * until, (event,))

    def _observed(self) -> Observation:
        """The last call, which agrees with the certificates."""
        planned, world, node = self.planned, self.world, self.node
        rng, oddity = random.Random(-planned.number), planned.oddity
        seen_at = world.now - (timedelta(hours=rng.uniform(5, 60)) if planned.is_silent else rng.random() * world.interval)
        proved_at = min(seen_at, world.now - rng.random() * PROOF_LASTS)
        installed = {signed.kind: signed.sha256 for signed in self.signed[-2:]} | {"cluster": world.cluster.sha256}
        served = {"service": installed["service"]}
        if "proxy" in planned.services:
            served["proxy"] = installed["service"]
        if planned.browser is not None:
            installed["browser"] = served["proxy"] = world.browser[planned.browser]
        if oddity is Oddity.OLD_CERTIFICATE:
            served["engine"] = next((signed.sha256 for signed in self.signed[-4:-2]), secrets.token_hex(32))
        hook = {
            "at": (planned.issued[-1] + 60 * S).isoformat(),
            "exit": 1 if oddity is Oddity.HOOK else 0,
            "generation": len(planned.issued),
        }
        turn, before = turn_make(node, now=seen_at), turn_make(node, now=seen_at - 60 * S)
        row = Observation(
            node=node, last_seen_at=seen_at, clock_offset_s=rng.choice((-1, 1)) * 400 if oddity is Oddity.CLOCK else rng.gauss(0, 1),
            generation=len(planned.issued), trusts=[world.maker.root.sha256], installed=installed, served=served,
            hook=hook if planned.number % 2 or oddity is Oddity.HOOK else {}, browser={"revision": "", "problem": ""},
            database_keys=[world.key_id], challenges={world.key_id: secrets.token_hex(32)}, proved={world.key_id: proved_at.isoformat()},
            central_addresses=world.central, central_called=world.central[0], cluster_challenge=secrets.token_hex(32), cluster_proved_at=proved_at,
            cluster_proved_sha256=world.cluster.sha256, version=VERSION, system="Linux 6.8.0-45-generic x86_64", address=planned.address,
            turn=turn, turn_before=before, turn_generation=1, silent_at=seen_at + silence_after(world.interval),
        )  # fmt: skip
        for name, value in derived_columns(vars(row), at=row.last_seen_at, serves_another_since=None).items():
            setattr(row, name, value)
        return row


def export_history(planned: PlannedExport, export: Export, world: World) -> Iterator[Step]:
    """The steps of one export."""
    at, target = planned.made_at, target_of(export)
    choices = {
        "format": export.format, "include_secrets_key": True, "include_ca": True, "legacy": False, "has_password": True
    }  # fmt: skip

    def moved(actor: str, before: str, to: str, reason: str = "") -> SeededEvent:
        return SeededEvent(actor, "export.transition", target, {"from": before, "to": to, "reason": reason, "generation": 1})

    yield Step(at - 2 * S, (SeededEvent(ADMIN, "export.requested", target, choices),))
    if planned.is_failed:
        yield Step(at, (moved(BY_SYSTEM, "requested", "failed", export.status_reason),))
        return
    later: dict[str, Any] = {}
    if planned.is_revoked:
        later = {"status": CertificateStatus.REVOKED, "revoked_at": export.status_since, "reason": export.status_reason}
        later |= {"revocation_code": RevocationCode.SUPERSEDED}
    pair = world.maker.pair(Holder(export.pk, str(export), export.machine), 1, at=at, **later)
    yield Step(at, (*_issued(pair, FOR_ADMIN), moved(FOR_ADMIN, "requested", "made")), pair)
    yield Step(at + 300 * S, (SeededEvent(ADMIN, "export.downloaded", target, {"generation": 1}),))
    yield Step(at + timedelta(hours=24), (SeededEvent(BY_SYSTEM, "export.archive_wiped", target, {"generation": 1}),))
    if planned.is_revoked:
        revoked = (Signed.of(row).moved(ADMIN, "issued", "revoked", export.status_reason) for row in pair)
        yield Step(export.status_since, (moved(ADMIN, "made", "revoked", export.status_reason), *revoked))


def backups(plan: Plan, world: World) -> Iterator[Step]:
    """Backups of the site, and the proof of each."""
    target, pause = target_of(world.zone), (world.now - plan.begins) / (plan.backups + 1)
    for number in range(1, plan.backups + 1):
        at = plan.begins + number * pause
        file = {"file": f"backup-{at:%Y%m%d-%H%M%S}.qmc"}
        yield Step(at, (SeededEvent(ADMIN, "backup.made", target, file | {"contains": ["database", "secrets", "store"]}),))
        yield Step(at + 60 * S, (SeededEvent(ADMIN, "backup.verified", target, file),))
