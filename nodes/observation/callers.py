"""Who calls as a node, where the database does not explain it: named until a person or a new registration settles it."""

import ipaddress
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import F

from audit.actors import Actor
from audit.record import record
from certs.models import Certificate
from certs.states import CertificateStatus
from nodes.models import CallerFinding, Node, Observation
from pki.exchange import turns
from pki.exchange.report import Report

Kind = CallerFinding.Kind
GRACE = timedelta(hours=1)  # for a superseded certificate, after its successor was proved
FORGOTTEN, MOST_UNKNOWN = timedelta(days=7), 50
DISPUTED = "Two machines call as this node, or it was restored, so it gets no new keys. Open the node's page, and settle that first."
# What a node reports of generations that this database lost: more than that was never made meanwhile.
MOST_LOST = 1000


@dataclass(frozen=True)
class Call:
    """From where a call came, by its socket. `has_ended` says whether its caller has hung up meanwhile."""

    address: str = ""
    has_ended: Callable[[], bool] = lambda: False


def address_of(host: str) -> str:
    """An address as people write it: IPv4 over an IPv6 socket is IPv4."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return ""
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address)


def is_replaced(certificate: Certificate, *, now: datetime) -> bool:
    """Whether the certificate's successor was proved longer ago than a call with it may still be under way."""
    if certificate.status != CertificateStatus.SUPERSEDED:
        return False
    return certificate.superseded_at is None or not timedelta(0) <= now - certificate.superseded_at <= GRACE


def turn_make(node: Node, *, now: datetime) -> str:
    return turns.turn_make(settings.SECRET_KEY.encode(), node=str(node.pk), now=now)


def verdict(node: Node, certificate: Certificate, report: Report, *, registers: bool) -> turns.Verdict:
    """What the turn in `report` says. `registers` is true for the first call with a new registration's certificate."""
    seen = node.observed
    if seen is None:
        return turns.Verdict.IN_TURN
    chain = turns.Chain(seen.turn, seen.turn_before, seen.turn_generation, seen.last_seen_at)
    answered = turns.answered_at(settings.SECRET_KEY.encode(), node=str(node.pk), turn=report.turn)
    return turns.judge(chain, returned=report.turn, generation=certificate.generation, registers=registers, answered=answered)


def is_disputed(node: Node) -> bool:
    """Whether two machines call as `node`: no new keys are handed out then."""
    return CallerFinding.objects.filter(node=node, kind=Kind.TWO_CALLERS).exists()


def disputed_nodes() -> set[uuid.UUID]:
    """The nodes as which two machines call."""
    return set(CallerFinding.objects.filter(kind=Kind.TWO_CALLERS, node__isnull=False).values_list("node", flat=True))


def finding_note(
    *, kind: CallerFinding.Kind, node: Node | None, call: Call, now: datetime, certificate: str = "", generation: int = 0, other: Observation | None = None
) -> None:  # fmt: skip
    """Keep that such a call came; the first one is an event of the node. `certificate` is the fingerprint of one that is not known."""
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
        return  # another process has just kept it


def _forget(now: datetime) -> None:
    """What has not called for long goes, but for two callers: these are settled by a person. What is not known stays bounded."""
    CallerFinding.objects.exclude(kind=Kind.TWO_CALLERS).filter(last_at__lt=now - FORGOTTEN).delete()
    unknown = CallerFinding.objects.filter(kind=Kind.UNKNOWN).order_by("-last_at")
    CallerFinding.objects.filter(pk__in=list(unknown.values_list("pk", flat=True)[MOST_UNKNOWN - 1 :])).delete()


def unknown_note(*, sha256: str, report: Report | None, call: Call, now: datetime) -> None:
    """A certificate that a root in force signed, and this database does not know. Its report, or its address, says for which node it passes."""
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
    """Above what was made for the node, and above what it reports: the database may have been put back."""
    reported = [each.generation for each in node.caller_findings.filter(kind=Kind.UNKNOWN)]
    reported += [node.observed.generation] if node.observed else []
    known = [each for each in reported if each <= node.generation + MOST_LOST]
    return max([node.generation, *known]) + 1


@transaction.atomic
def callers_settle(*, actor: Actor, node: Node, now: datetime) -> None:
    """A person says that one machine alone calls as `node`: its next call begins anew. Raises: PermissionRefused."""
    actor.require("nodes.change_node")
    forgotten = _settled(node)
    record(actor=actor, action="node.callers_settled", target=node, detail={"calls": forgotten}, now=now)


def registration_settles(node: Node) -> None:
    """A new registration is proved: it is the node, whoever else calls with older certificates."""
    _settled(node)
    Observation.objects.filter(node=node).update(turn_generation=node.generation)


def turns_start_over() -> None:
    """This database is a restored one: nodes return answers that it does not know."""
    Observation.objects.update(turn="", turn_before="")


def _settled(node: Node) -> int:
    found = node.caller_findings.all()
    count = sum(each.count for each in found)
    found.delete()
    Observation.objects.filter(node=node).update(turn="", turn_before="")
    return count
