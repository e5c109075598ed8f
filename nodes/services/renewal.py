"""New keys and certificates for a registered node, offered in the heartbeat's answer and fetched inside mutual TLS."""

from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.utils import timezone

from audit.actors import SYSTEM, Actor, system_for
from certs.errors import CertsError, StaleCertificate
from certs.models import Certificate
from jobs.models import Job
from jobs.services import job_again, job_create, job_finish, job_nudge
from nodes.errors import IllegalNodeTransition, NodeUnreachable, StaleNode
from nodes.models import Node, Renewal
from nodes.services.dial import served_certificate
from nodes.services.material import Order, generation_withdraw, keys_wipe, older_supersede, package_make, service_fingerprint
from nodes.services.transition import renewal_transition
from nodes.states import NodeState, RenewalStatus
from pki import package as packages
from pki.errors import PKIError
from pki.roles import Kind

TASK = "nodes.services.renewal.renewal_advance"
VALID = timedelta(days=7)
AFTER_A_FAILURE = timedelta(minutes=5)


def node_renew(*, actor: Actor, node: Node, now: datetime) -> Renewal:
    """Ask for new keys and certificates, same database key. Raises: PermissionRefused, IllegalNodeTransition."""
    actor.require("nodes.renew_node")
    if node.state != NodeState.REGISTERED:
        raise IllegalNodeTransition(f"{node} is not registered, so there is nothing to renew. Register it first.")
    try:
        with transaction.atomic():
            generation = node.generation + 1
            if not Node.objects.filter(pk=node.pk, generation=node.generation, state=NodeState.REGISTERED).update(generation=generation):
                raise StaleNode(f"{node} has just changed. Look again.")
            renewal = Renewal.objects.create(node=node, generation=generation, actor=actor.label, created_at=now)
            job_create(task=TASK, subject=renewal.pk, title=f"Renewal of {node}", actor=actor.label, now=now)
    except IntegrityError as exc:
        raise IllegalNodeTransition(f"A renewal of {node} is under way already.") from exc
    return renewal


def renewal_ensure(*, actor: Actor, node: Node, now: datetime) -> Renewal | None:
    """A renewal, which brings a service pair for each live database key; None where one is under way, has just failed, or cannot be now."""
    last = Renewal.objects.filter(node=node).first()
    if last is not None and last.status == RenewalStatus.FAILED and timedelta(0) <= now - last.created_at < AFTER_A_FAILURE:
        return None
    try:
        return node_renew(actor=actor, node=node, now=now)
    except (IllegalNodeTransition, StaleNode):
        return None  # whoever asks again later finds out


def renewal_advance(*, job: Job) -> None:
    """Advance the renewal until it waits, is proved, or has failed. Runs in a worker."""
    steps = {RenewalStatus.REQUESTED: _issue, RenewalStatus.OFFERED: _wait, RenewalStatus.PROVING: _prove}
    while True:
        now = timezone.now()
        renewal = Renewal.objects.select_related("node").get(pk=job.subject)
        if renewal.status not in steps:
            outcome = Job.Outcome.DONE if renewal.status == RenewalStatus.PROVED else Job.Outcome.FAILED
            job_finish(job=job, outcome=outcome, now=now, error=renewal.reason)
            return
        try:
            if renewal.node.state != NodeState.REGISTERED:
                _fail(renewal, "The node is no longer registered.", now)
                continue
            wait = steps[RenewalStatus(renewal.status)](renewal, now)
        except (StaleNode, StaleCertificate):
            wait = timedelta(seconds=1)
        if wait:
            job_again(job=job, at=timezone.now() + wait, progress=renewal.status)
            return


@transaction.atomic
def _fail(renewal: Renewal, reason: str, now: datetime) -> None:
    """What the node was not offered yet is withdrawn; what it may have installed goes on serving."""
    never_offered = renewal.status == RenewalStatus.REQUESTED
    renewal_transition(renewal=renewal, to=RenewalStatus.FAILED, reason=reason, actor=SYSTEM, now=now, package=None)
    keys_wipe(renewal.node)
    if never_offered:
        generation_withdraw(renewal.node, renewal.generation, reason="renewal failed", now=now)


def renewals_end(node: Node, *, reason: str, actor: Actor, now: datetime) -> None:
    """Whatever renewal is under way ends. What the node was not offered yet is withdrawn; what it may have installed goes on serving."""
    for renewal in Renewal.objects.filter(node=node).exclude(status__in=[RenewalStatus.PROVED, RenewalStatus.FAILED]):
        if renewal.status == RenewalStatus.REQUESTED:
            generation_withdraw(node, renewal.generation, reason=reason, now=now)
        renewal_transition(renewal=renewal, to=RenewalStatus.FAILED, reason=reason, actor=actor, now=now, package=None)
        job_nudge(task=TASK, subject=renewal.pk, now=now)


def _issue(renewal: Renewal, now: datetime) -> timedelta | None:
    node, actor = renewal.node, system_for(renewal.actor)
    current = held(node, renewal.generation)
    if current is None:
        _fail(renewal, "The node holds no service certificate to which new keys could be sealed. Redistribute it.", now)
        return None
    try:
        wanted = Renewal.objects.filter(pk=renewal.pk, status=RenewalStatus.REQUESTED)
        order = Order(node, renewal.generation, wanted, in_a_hurry=False, actor=actor)
        content = package_make(order, expires_at=now + VALID, now=now)
    except StaleCertificate:
        raise
    except (PKIError, CertsError) as exc:
        _fail(renewal, f"The certificates could not be made: {exc}", now)
        return None
    sealed = packages.seal_to_certificate(content, current.x509())
    with transaction.atomic():
        renewal_transition(renewal=renewal, to=RenewalStatus.OFFERED, reason="", actor=actor, now=now, package=sealed)
        keys_wipe(node)
    return None


def held(node: Node, before: int) -> Certificate | None:
    """The service certificate with whose key the node opens what it is sent: the one that it reports, else the newest."""
    own = Certificate.objects.accepted().filter(holder_id=node.pk, kind=Kind.SERVICE, generation__lt=before)
    reported = own.filter(sha256=node.observed.installed.get("service")).first() if node.observed else None
    return reported or own.order_by("-generation", "-database_key_version").first()


def _wait(renewal: Renewal, now: datetime) -> timedelta | None:
    if now - renewal.created_at > VALID:
        _fail(renewal, "The node did not fetch its renewal within 7 days. Bring its agent up, then renew again.", now)
        return None
    return timedelta(seconds=60)


def _prove(renewal: Renewal, now: datetime) -> timedelta | None:
    node = renewal.node
    try:
        proved = served_certificate(node) == service_fingerprint(node, renewal.generation)
        reason = "" if proved else "The node still serves its old certificate. Restart its agent if this stays."
    except NodeUnreachable as exc:
        proved, reason = False, str(exc)
    if not proved and now - renewal.created_at > VALID:
        _fail(renewal, f"Not proved within 7 days: {reason}", now)
        return None
    if not proved:
        Renewal.objects.filter(pk=renewal.pk, status=RenewalStatus.PROVING).update(reason=reason)
        return timedelta(seconds=2)
    with transaction.atomic():
        renewal_transition(renewal=renewal, to=RenewalStatus.PROVED, reason="", actor=SYSTEM, now=now, package=None)
        older_supersede(node, renewal.generation, now=now)
    return None
