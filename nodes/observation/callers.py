"""Calls in the name of a node that the database does not explain: kept until a person or a new registration resolves them."""

import ipaddress
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import F

from attention.once import once
from audit.actors import Actor
from audit.record import record
from certs.states import CertificateStatus
from nodes.models import CallerFinding, Node, Observation
from pki.exchange import turns
from pki.exchange.report import Report

Kind = CallerFinding.Kind
GRACE = timedelta(hours=1)  # for a superseded certificate, after its successor was verified
FORGOTTEN, MOST_UNKNOWN = timedelta(days=7), 50
DISPUTED = "Two machines call as this node, or it was restored, so it gets no new keys. Resolve this on the node's page first."
# The highest number of generations that a restored database can have lost; a report of more is not believed.
MOST_LOST = 1000


@dataclass(frozen=True)
class Call:
    """The address of a caller, read from the socket. `has_ended` returns whether the caller has closed the connection."""

    address: str = ""
    has_ended: Callable[[], bool] = lambda: False


def is_replaced(status: str, superseded_at: datetime | None, *, now: datetime) -> bool:
    """Whether the successor of a certificate was verified so long ago that no call with it can still be in progress."""
    if status != CertificateStatus.SUPERSEDED:
        return False
    return superseded_at is None or not timedelta(0) <= now - superseded_at <= GRACE


def turn_make(node: Node, *, now: datetime) -> str:
    return turns.turn_make(settings.SECRET_KEY.encode(), node=str(node.pk), now=now)


def verdict(node: Node, report: Report, *, generation: int, registers: bool) -> turns.Verdict:
    """The verdict on the turn in `report` of a caller whose certificate has this `generation`. `registers` is true for the first call with a new
    registration's certificate."""
    seen = node.observed
    if seen is None:
        return turns.Verdict.IN_TURN
    chain = turns.Chain(seen.turn, seen.turn_before, seen.turn_generation, seen.last_seen_at)
    answered = turns.answered_at(settings.SECRET_KEY.encode(), node=str(node.pk), turn=report.turn)
    return turns.judge(chain, returned=report.turn, generation=generation, registers=registers, answered=answered)


def is_disputed(node: Node) -> bool:
    """Whether two machines call as `node`. If so, it gets no new keys."""
    return CallerFinding.objects.filter(node=node, kind=Kind.TWO_CALLERS).exists()


@once
def findings_all() -> list[CallerFinding]:
    """All findings, with their nodes."""
    return list(CallerFinding.objects.select_related("node__observation"))


def finding_note(
    *, kind: CallerFinding.Kind, node: Node | None, call: Call, now: datetime, certificate: str = "", generation: int = 0, other: Observation | None = None
) -> None:  # fmt: skip
    """Record such a call; the first one is also an event of the node. `certificate` is the fingerprint of an unknown certificate."""
    key = f"{kind} {certificate or (node.pk if node else '')}"
    seen = {"address": call.address, "last_at": now, "generation": generation}
    if other is not None:
        seen |= {"other_address": other.address, "other_at": other.last_seen_at}
    if CallerFinding.objects.filter(pk=key).update(**seen, count=F("count") + 1):
        return
    _forget(now)
    try:
        with transaction.atomic():
            found = CallerFinding.objects.create(key=key, kind=kind, node=node, first_at=now, **seen)
            if node is not None:
                detail = {"kind": str(kind), "address": found.address, "other_address": found.other_address, "generation": generation}
                record(actor=Actor("node", node.name), action="node.caller_found", target=node, detail=detail, now=now)
    except IntegrityError:
        return  # another process has just recorded it


def _forget(now: datetime) -> None:
    """Delete old findings, except two callers, which a person resolves. Limit the number of findings about unknown certificates."""
    CallerFinding.objects.exclude(kind=Kind.TWO_CALLERS).filter(last_at__lt=now - FORGOTTEN).delete()
    unknown = CallerFinding.objects.filter(kind=Kind.UNKNOWN).order_by("-last_at")
    CallerFinding.objects.filter(pk__in=list(unknown.values_list("pk", flat=True)[MOST_UNKNOWN - 1 :])).delete()


def unknown_note(*, sha256: str, report: Report | None, call: Call, now: datetime) -> None:
    """Record a call with a certificate that a current root signed and this database does not know. Its report or its address identifies the node."""
    node = _claimed(report.node if report else "") or _calling_from(call.address)
    finding_note(kind=Kind.UNKNOWN, node=node, call=call, now=now, certificate=sha256, generation=report.generation if report else 0)


def _claimed(node: str) -> Node | None:
    try:
        return Node.objects.present().filter(pk=uuid.UUID(node)).first()
    except ValueError:
        return None


def _calling_from(address: str) -> Node | None:
    if not address or ipaddress.ip_address(address).is_loopback:
        return None
    found = list(Node.objects.present().filter(observation__address=address)[:2])
    return found[0] if len(found) == 1 else None


def generation_next(node: Node) -> int:
    """One more than the highest generation in the database and in the node's reports, because the database may be a restored one."""
    reported = [caller_finding.generation for caller_finding in node.caller_findings.filter(kind=Kind.UNKNOWN)]
    reported += [node.observed.generation] if node.observed else []
    known = [generation for generation in reported if generation <= node.generation + MOST_LOST]
    return max([node.generation, *known]) + 1


@transaction.atomic
def callers_settle(*, actor: Actor, node: Node, now: datetime) -> None:
    """Record that only one machine calls as `node`, as a person confirms. Its next call starts a new sequence. Raises: PermissionRefused."""
    actor.require("nodes.change_node")
    forgotten = _settled(node)
    record(actor=actor, action="node.callers_settled", target=node, detail={"calls": forgotten}, now=now)


def registration_settles(node: Node) -> None:
    """A new registration was verified, so other callers with older certificates are not the node."""
    _settled(node)
    Observation.objects.filter(node=node).update(turn_generation=node.generation)


def turns_start_over() -> None:
    """Forget all turns, because this database was restored and does not know the answers that nodes return."""
    Observation.objects.update(turn="", turn_before="")


def _settled(node: Node) -> int:
    found = node.caller_findings.all()
    count = sum(finding.count for finding in found)
    found.delete()
    Observation.objects.filter(node=node).update(turn="", turn_before="")
    return count
