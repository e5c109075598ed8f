"""Renewals: new keys and certificates for a registered node, offered in the heartbeat's answer and fetched over mutual TLS."""

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import takewhile

from django.db import IntegrityError, transaction
from django.utils import timezone

from audit.actors import SYSTEM, Actor, system_for
from audit.record import record
from certs.errors import StaleCertificate
from certs.models import Certificate
from jobs.models import Job
from jobs.registry import handles
from jobs.services import job_again, job_create, job_finish, job_nudge, job_step
from nodes.dial.services import served_certificate
from nodes.errors import IllegalNodeTransition, NodeUnreachable, StaleNode
from nodes.inventory.transition import node_lock, renewal_transition
from nodes.issuance.services import GenerationRequest, generation_withdraw, keys_wipe, older_supersede, package_make, service_fingerprint
from nodes.jobs import RENEWAL
from nodes.models import CallerFinding, Node, Renewal
from nodes.nudges.services import nodes_nudge
from nodes.observation.callers import DISPUTED, generation_next, is_disputed
from nodes.states import NodeState, RenewalStatus
from pki.core.errors import PKIError
from pki.core.roles import Kind
from pki.exchange import package as packages
from sealing.errors import TrustZoneError

TASK = RENEWAL
VALID = timedelta(days=7)  # of the package; it is deleted if the renewal fails
# The time that each step may take before the renewal fails.
LIMITS = {
    RenewalStatus.REQUESTED: timedelta(minutes=60),
    RenewalStatus.OFFERED: timedelta(minutes=10),  # or until the node is silent
    RenewalStatus.PROVING: timedelta(minutes=10),
}
STEPS = {
    RenewalStatus.REQUESTED: "making keys and certificates", RenewalStatus.OFFERED: "waiting until the node fetches its certificates",
    RenewalStatus.PROVING: "verifying the installed certificates",
}  # fmt: skip
SELDOM = timedelta(seconds=60)
IN_PROGRESS = "A renewal is already in progress. Wait until it has ended."
AFTER_A_FAILURE, MOST_PATIENCE = timedelta(minutes=5), timedelta(hours=1)


def renewals_refused(nodes: Sequence[Node]) -> dict[uuid.UUID, str]:
    """Why no renewal of some of `nodes` can be requested now, and what to do. Two queries."""
    pks = [node.pk for node in nodes]
    disputed = set(CallerFinding.objects.filter(node__in=pks, kind=CallerFinding.Kind.TWO_CALLERS).values_list("node", flat=True))
    renewing = set(Renewal.objects.filter(node__in=pks).under_way().values_list("node", flat=True))
    found = {}
    for node in nodes:
        if node.state != NodeState.REGISTERED:
            found[node.pk] = "It is not registered, so it has nothing to renew. Register it first."
        elif node.pk in disputed:
            found[node.pk] = DISPUTED
        elif node.pk in renewing:
            found[node.pk] = IN_PROGRESS
    return found


def node_renew(*, actor: Actor, node: Node, now: datetime) -> Renewal:
    """Request new keys and certificates with the same database key. Raises: PermissionRefused, IllegalNodeTransition."""
    actor.require("nodes.renew_node")
    if refused := renewals_refused([node]):
        raise IllegalNodeTransition(f"{node}: {refused[node.pk]}")
    try:
        with transaction.atomic():
            generation = generation_next(node)
            if not Node.objects.filter(pk=node.pk, generation=node.generation, state=NodeState.REGISTERED).update(generation=generation):
                raise StaleNode(f"{node} has just changed. Reload the page.")
            renewal = Renewal.objects.create(node=node, generation=generation, actor=actor.label, created_at=now)
            record(actor=actor, action="renewal.requested", target=node, detail={"generation": generation}, now=now)
            job_create(task=TASK, subject=renewal.pk, title=f"Renewal of {node}", actor=actor.label, now=now)
    except IntegrityError as exc:
        raise IllegalNodeTransition(f"{node}: {IN_PROGRESS}") from exc
    return renewal


def renewal_ensure(*, actor: Actor, node: Node, now: datetime) -> Renewal | None:
    """Start a renewal if none is in progress; None if one is, has just failed or is impossible now. A renewal has a service pair for the newest database key, and for each other live one that the node lacks."""
    last = list(Renewal.objects.filter(node=node).defer("package")[:5])
    failures = len(list(takewhile(lambda renewal: renewal.status == RenewalStatus.FAILED, last)))
    if failures and timedelta(0) <= now - last[0].since < min(AFTER_A_FAILURE * 2 ** (failures - 1), MOST_PATIENCE):
        return None
    try:
        return node_renew(actor=actor, node=node, now=now)
    except (IllegalNodeTransition, StaleNode):
        return None  # the next attempt finds the same reason if it persists


@handles(TASK)
def renewal_advance(*, job: Job) -> None:
    """Advance the renewal until it waits, is verified or has failed. Runs in a worker."""
    steps = {RenewalStatus.REQUESTED: _issue, RenewalStatus.OFFERED: _wait, RenewalStatus.PROVING: _prove}
    while True:
        now = timezone.now()
        renewal = Renewal.objects.select_related("node").get(pk=job.subject)
        if renewal.status not in steps:
            outcome = Job.Outcome.DONE if renewal.status == RenewalStatus.PROVED else Job.Outcome.FAILED
            job_finish(job=job, outcome=outcome, now=now, error=renewal.reason)
            return
        try:
            if ended := _cannot_go_on(renewal, now):
                _fail(renewal, ended, now)
                continue
            job_step(job=job, progress=STEPS[RenewalStatus(renewal.status)], now=now)
            wait = steps[RenewalStatus(renewal.status)](renewal, now)
        except (StaleNode, StaleCertificate):
            wait = timedelta(seconds=1)
        if wait:
            job_again(job=job, at=timezone.now() + wait, progress=STEPS[RenewalStatus(renewal.status)])
            return


def _cannot_go_on(renewal: Renewal, now: datetime) -> str:
    """Why the renewal must fail, and what to do; "" if it can continue."""
    node, limit = renewal.node, LIMITS[RenewalStatus(renewal.status)]
    if renewal.status == RenewalStatus.OFFERED and node.observed is not None:
        limit = max(limit, node.observed.silent_at - node.observed.last_seen_at)
    minutes = f"within {limit // timedelta(minutes=1)} minutes"
    if node.state != NodeState.REGISTERED:
        return "The node is no longer registered."
    if renewal.status == RenewalStatus.OFFERED and is_disputed(node):
        return DISPUTED
    if now - renewal.since <= limit:
        return ""
    if renewal.status == RenewalStatus.REQUESTED:
        return f"Its certificates were not created {minutes}. Check on the overview page that the workers run, then renew again."
    if renewal.status == RenewalStatus.PROVING:
        return f"The new certificate was not verified {minutes}. {renewal.reason} Then renew again."
    if node.online(now):
        return f"The node calls, but did not fetch its new certificates {minutes}. See the log of its agent, then renew again."
    return f"The node did not call {minutes}. Start its agent, then renew again."


@transaction.atomic
def _fail(renewal: Renewal, reason: str, now: datetime) -> None:
    """Certificates that were not offered yet are withdrawn; certificates that the node may have installed stay valid."""
    never_offered = renewal.status == RenewalStatus.REQUESTED
    node_lock(renewal.node)
    renewal_transition(renewal=renewal, to=RenewalStatus.FAILED, reason=reason, actor=SYSTEM, now=now, package=None)
    keys_wipe(renewal.node)
    if never_offered:
        generation_withdraw(renewal.node, renewal.generation, reason="renewal failed", now=now)


@transaction.atomic
def renewal_cancel(*, actor: Actor, renewal: Renewal, now: datetime) -> None:
    """End a renewal whose certificates are not installed yet, by the decision of a person.

    Raises: PermissionRefused, IllegalNodeTransition, StaleNode.
    """
    actor.require("nodes.renew_node")
    if renewal.status not in (RenewalStatus.REQUESTED, RenewalStatus.OFFERED):
        raise IllegalNodeTransition("The node has already installed its new certificates, so this renewal cannot be canceled any more.")
    node_lock(renewal.node)
    renewals_end(renewal.node, reason=f"Canceled by {actor.label}.", actor=actor, now=now)
    keys_wipe(renewal.node)


def renewals_end(node: Node, *, reason: str, actor: Actor, now: datetime) -> None:
    """End any renewal in progress. Certificates that were not offered yet are withdrawn; those that the node may have installed stay valid.

    The caller has locked the node (`node_lock`).
    """
    for renewal in Renewal.objects.filter(node=node).under_way():
        if renewal.status == RenewalStatus.REQUESTED:
            generation_withdraw(node, renewal.generation, reason=reason, now=now)
        renewal_transition(renewal=renewal, to=RenewalStatus.FAILED, reason=reason, actor=actor, now=now, package=None)
        job_nudge(task=TASK, subject=renewal.pk, now=now)


def _issue(renewal: Renewal, now: datetime) -> timedelta | None:
    node, actor = renewal.node, system_for(renewal.actor)
    current = held(node, renewal.generation)
    if current is None:
        _fail(renewal, "The node has no service certificate, so new keys cannot be encrypted for it. Redistribute the node.", now)
        return None
    try:
        pending = Renewal.objects.filter(pk=renewal.pk, status=RenewalStatus.REQUESTED)
        keeps = node.observed.database_keys if node.observed else ()
        request = GenerationRequest(node, renewal.generation, pending, in_a_hurry=False, actor=actor, keeps=keeps)
        content = package_make(request, expires_at=now + VALID, now=now)
    except StaleCertificate:
        raise
    except (PKIError, TrustZoneError) as exc:
        _fail(renewal, f"The certificates could not be created: {exc}", now)
        return None
    sealed = packages.seal_to_certificate(content, current.x509())
    with transaction.atomic():
        node_lock(node)
        # A node that has called since the renewal was requested calls every few seconds.
        if node.observed and node.observed.last_seen_at < renewal.created_at:
            nodes_nudge([node], now=now)
        renewal_transition(renewal=renewal, to=RenewalStatus.OFFERED, reason="", actor=actor, now=now, package=sealed)
        keys_wipe(node)
    return None


def held(node: Node, before: int) -> Certificate | None:
    """The service certificate for which packages to the node are encrypted: the one that it reports, else the newest."""
    own = Certificate.objects.accepted().filter(holder_id=node.pk, kind=Kind.SERVICE, generation__lt=before)
    reported = own.filter(sha256=node.observed.installed.get("service")).first() if node.observed else None
    return reported or own.order_by("-generation", "-database_key_version").first()


def _wait(renewal: Renewal, now: datetime) -> timedelta | None:
    return SELDOM


def _prove(renewal: Renewal, now: datetime) -> timedelta | None:
    node = renewal.node
    try:
        proved = served_certificate(node) == service_fingerprint(node, renewal.generation)
        reason = "" if proved else "The node still serves its old certificate. Restart its agent if this does not change."
    except NodeUnreachable as exc:
        proved, reason = False, str(exc)
    if not proved:
        Renewal.objects.filter(pk=renewal.pk, status=RenewalStatus.PROVING).update(reason=reason[:500])
        return min(max(timedelta(seconds=2), (now - renewal.since) / 10), SELDOM)
    with transaction.atomic():
        node_lock(node)
        renewal_transition(renewal=renewal, to=RenewalStatus.PROVED, reason="", actor=SYSTEM, now=now, package=None)
        older_supersede(node, renewal.generation, now=now)
    return None
