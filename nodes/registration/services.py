"""The registration of a node: started by a request, then advanced one step at a time by a worker."""

import contextlib
import re
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

from django.db import transaction
from django.utils import timezone

from audit.actors import SYSTEM, Actor, system_for
from audit.record import record
from certs.errors import StaleCertificate
from jobs.models import Job
from jobs.registry import handles
from jobs.services import job_again, job_create, job_finish, job_step
from nodes.dial.services import TOTAL_S, Answer, ask, served_certificate
from nodes.errors import IllegalNodeTransition, NodeUnreachable, PasswordForgotten, RegistrationBlocked, StaleNode
from nodes.inventory.transition import node_lock, node_transition
from nodes.inventory.view_models import setup_url
from nodes.issuance.services import GenerationRequest, generation_withdraw, keys_wipe, older_supersede, package_make, service_fingerprint
from nodes.jobs import REGISTRATION
from nodes.models import Node, Registration
from nodes.nudges.services import nodes_nudge
from nodes.observation.callers import MOST_LOST, generation_next, registration_settles
from nodes.registration.preflight import Preflight, preflight_of
from nodes.renewal.services import renewals_end
from nodes.states import TRANSITIONS, UNDER_WAY, NodeState
from pki.core.errors import PKIError
from pki.core.findings import Finding
from pki.exchange import agent_status, password
from pki.exchange import package as packages
from pki.exchange.agent_status import AgentStatus
from pki.exchange.problem import detail_of
from sealing.errors import TrustZoneError

TASK = REGISTRATION
VALID = timedelta(hours=24)
PATIENCE = timedelta(minutes=3)
REPEATABLE = timedelta(minutes=10)  # how long a repeated request gets the same password
SENDING = (NodeState.ISSUING, NodeState.DISTRIBUTING)
CANCELABLE = (*SENDING, NodeState.AWAITING_PASSWORD)
INSTALLED = re.compile(r"\bGeneration (\d{1,10}) is installed")  # in the refusal of an agent that has a newer package
LONGEST_ISSUING = timedelta(minutes=60)
HURRIED = 8  # turns that use keys made in advance: a bulk registration leaves the other keys for single registrations
POLL, SELDOM, RARELY = timedelta(seconds=2), timedelta(seconds=20), timedelta(seconds=60)
STEPS = {
    NodeState.ISSUING: "making keys and certificates", NodeState.DISTRIBUTING: "sending the package", NodeState.AWAITING_PASSWORD: "awaiting the password",
    NodeState.VERIFYING: "verifying the installed certificates",
}  # fmt: skip
Step = Callable[[Node, Registration, datetime], timedelta | None]
REDISTRIBUTE, AGAIN = "Press Redistribute for a new password.", "Press Redistribute to try again."


@dataclass(frozen=True)
class Ceremony:
    """The result that the administrator sees once."""

    password: str = field(repr=False)
    setup_url: str
    expires_at: datetime
    state: str
    warnings: tuple[Finding, ...] = ()


def node_register(
    *, actor: Actor, node: Node, now: datetime, request: uuid.UUID | None = None, checks: Preflight | None = None
) -> Ceremony:
    """Start a registration, or a redistribution with a new password. If the same `request` repeats, or the same actor asks while the package is
    being made and sent, the answer is that of the first. `checks` were made for this request. If they are not fresh any more, they run again.

    Raises: PermissionRefused, RegistrationBlocked (nothing changed), IllegalNodeTransition, StaleNode.
    """
    actor.require("nodes.register_node")
    if first := _repeated(actor, node, request, now):
        return first
    try:
        return _start(actor, node, request, checks, now)
    except (IllegalNodeTransition, StaleNode):
        if first := _repeated(actor, node, request, now):
            return first
        raise


def _repeated(actor: Actor, node: Node, request: uuid.UUID | None, now: datetime) -> Ceremony | None:
    """The registration that the same request, or the same actor just before, started. Raises: IllegalNodeTransition if its password is deleted."""
    node.refresh_from_db()
    rows = Registration.objects.filter(node=node)
    found = rows.filter(request=request).first() if request else None
    if found is None and node.state in SENDING:
        found = rows.filter(generation=node.generation, actor=actor.label).first()
    if found is None:
        return None
    if found.sealed_password is None:
        raise PasswordForgotten(
            f"This request has already started the registration of {node}, and its password is no longer stored. {REDISTRIBUTE}"
        )
    record(actor=actor, action="registration.password_repeated", target=node, detail={"generation": found.generation}, now=now)
    return Ceremony(password.display(found.sealed_password.text()), setup_url(node), found.expires_at, node.state)


def registration_awaited(*, request: uuid.UUID) -> Node | None:
    """The node that an earlier copy of the same form created, once its registration has started; None if there is none."""
    node = Node.objects.present().filter(made_by_request=request).first()
    deadline = time.monotonic() + TOTAL_S  # its checks run again if they are not fresh
    while node is not None and time.monotonic() < deadline:
        if Registration.objects.filter(node=node, request=request).exists():
            return node
        time.sleep(0.1)
    return node


def registration_refused(node: Node) -> str:
    """Why no registration of `node` can start in its state, and what to do; "" if one can."""
    if node.is_central:
        return "The central node gets its certificates without a password. Renew it instead."
    state = NodeState(node.state)
    if NodeState.ISSUING in TRANSITIONS[state]:
        return ""
    return f"It is {state.label.lower()}, so it cannot be registered now. Wait, or decommission the node."


def _start(actor: Actor, node: Node, request: uuid.UUID | None, checks: Preflight | None, now: datetime) -> Ceremony:
    if refused := registration_refused(node):
        raise IllegalNodeTransition(f"{node}: {refused}")
    if checks is None or not checks.is_fresh(node, now):
        checks = preflight_of(node, now=now)
    if checks.blocks:
        raise RegistrationBlocked(checks.findings)
    new_password = password.generate()
    with transaction.atomic():
        node_lock(node)
        withdrawn = node.generation if node.state != NodeState.REGISTERED else 0
        changes = {"generation": generation_next(node), "setup_url": (checks.agent and checks.agent.setup_url) or node.setup_url}
        node_transition(node=node, to=NodeState.ISSUING, reason="", actor=actor, now=now, **changes)
        _secrets_wipe(node)
        if withdrawn:
            generation_withdraw(node, withdrawn, reason="replaced by a new registration", now=now)
        renewals_end(node, reason="replaced by a redistribution", actor=actor, now=now)
        registration = Registration.objects.create(
            node=node,
            generation=node.generation,
            actor=actor.label,
            created_at=now,
            expires_at=now + VALID,
            sealed_password=new_password,
            request=request,
        )
        record(actor=actor, action="registration.password_shown", target=node, detail={"generation": node.generation}, now=now)
        job_create(task=TASK, subject=node.pk, title=f"Registration of {node}", actor=actor.label, now=now)
    warnings = tuple(finding for finding in checks.findings if finding.level == "warning")
    return Ceremony(password.display(new_password), setup_url(node), registration.expires_at, node.state, warnings)


def passwords_wipe(*, now: datetime) -> int:
    """Delete passwords whose package was encrypted more than ten minutes ago. Returns how many."""
    return Registration.objects.filter(sealed_at__lt=now - REPEATABLE, sealed_password__isnull=False).update(sealed_password=None)


def _secrets_wipe(node: Node) -> None:
    keys_wipe(node)
    Registration.objects.filter(node=node).update(package=None, sealed_password=None)


@transaction.atomic
def registration_fail(*, node: Node, reason: str, now: datetime, actor: Actor = SYSTEM) -> None:
    """End the registration with a reason that includes a remedy. Certificates that were never used are withdrawn."""
    node_lock(node)
    node_transition(node=node, to=NodeState.FAILED, reason=reason, actor=actor, now=now)
    _secrets_wipe(node)
    generation_withdraw(node, node.generation, reason="registration failed", now=now)


def registration_cancel(*, actor: Actor, node: Node, now: datetime) -> None:
    """End a registration whose password was not entered yet, by the decision of a person. Raises: PermissionRefused, IllegalNodeTransition, StaleNode."""
    actor.require("nodes.register_node")
    if node.state not in CANCELABLE:
        raise IllegalNodeTransition(
            f"The registration of {node} cannot be canceled any more. Wait until it ends, or decommission the node."
        )
    registration_fail(node=node, reason=f"Canceled by {actor.label}. {REDISTRIBUTE}", actor=actor, now=now)


@handles(TASK)
def registration_advance(*, job: Job) -> None:
    """Advance the job's node until it waits for something, is registered or has failed. Runs in a worker."""
    steps: dict[NodeState, Step] = {
        NodeState.ISSUING: partial(_issue, in_a_hurry=job.turn < HURRIED), NodeState.DISTRIBUTING: _distribute, NodeState.AWAITING_PASSWORD: _await_password,
        NodeState.VERIFYING: _verify,
    }  # fmt: skip
    while True:
        now = timezone.now()
        node = Node.objects.get(pk=job.subject)
        if node.state not in UNDER_WAY:
            outcome = Job.Outcome.DONE if node.state == NodeState.REGISTERED else Job.Outcome.FAILED
            job_finish(job=job, outcome=outcome, now=now, error=node.state_reason)
            return
        registration = Registration.objects.get(node=node, generation=node.generation)
        job_step(job=job, progress=STEPS[NodeState(node.state)], now=now)
        try:
            if registration.expires_at <= now and node.state != NodeState.VERIFYING:
                registration_fail(node=node, reason=f"The password was not entered within 24 hours. {REDISTRIBUTE}", now=now)
                continue
            if node.state == NodeState.ISSUING and now - node.state_since > LONGEST_ISSUING:
                reason = "Its certificates were not created within 60 minutes. Check on the overview page that the workers run."
                registration_fail(node=node, reason=f"{reason} {REDISTRIBUTE}", now=now)
                continue
            wait = steps[NodeState(node.state)](node, registration, now)
        except (StaleNode, StaleCertificate):
            wait = timedelta(seconds=1)
        if wait:
            job_again(job=job, at=timezone.now() + wait, progress=STEPS[NodeState(node.state)])
            return


def _issue(node: Node, registration: Registration, now: datetime, *, in_a_hurry: bool) -> timedelta | None:
    actor = system_for(registration.actor)
    try:
        pending = Node.objects.filter(pk=node.pk, state=NodeState.ISSUING, generation=node.generation)
        request = GenerationRequest(node, node.generation, pending, in_a_hurry, actor)
        content = package_make(request, expires_at=registration.expires_at, now=now)
    except StaleCertificate:
        raise
    except (PKIError, TrustZoneError) as exc:
        registration_fail(node=node, reason=f"The certificates could not be created: {exc} {AGAIN}", now=now)
        return None
    sealed = packages.seal_with_password(content, registration.sealed_password.text())
    with transaction.atomic():
        node_lock(node)
        nodes_nudge([node], now=now)  # a registered node opens its distribution port when it calls
        node_transition(node=node, to=NodeState.DISTRIBUTING, reason="", actor=actor, now=now)
        Registration.objects.filter(pk=registration.pk).update(package=sealed, digest=packages.digest(sealed), sealed_at=now)
        keys_wipe(node)
    return None


def _unreached(node: Node, reason: str, now: datetime, *, patient: bool) -> timedelta | None:
    """Record why the node was not reached and try again later; fail the registration after 3 minutes, unless `patient`."""
    if not patient and now - node.state_since > PATIENCE:
        registration_fail(
            node=node, reason=f"{reason} The registration stopped after 3 minutes. Fix the cause, then press Redistribute.", now=now
        )
        return None
    Node.objects.filter(pk=node.pk, state=node.state).update(state_reason=reason)
    return min(max(POLL, (now - node.state_since) / 10), RARELY)  # a connection that nobody answers blocks a thread of the worker for 5 s


def _refusal(answer: Answer) -> str:
    """Why the node did not accept the package."""
    detail = detail_of(answer.body)
    if answer.status == 400:
        # Agents older than the password's tag (`kid`) refuse a package that has one.
        return f"The node does not understand the package: {detail} Update the agent on the node, then press Redistribute."
    return f"The node refused the package: {detail} {AGAIN}" if detail else f"The node answered {answer.status} to the package. {AGAIN}"


def _distribute(node: Node, registration: Registration, now: datetime) -> timedelta | None:
    try:
        answer = ask(node, "POST", "/setup/certificatedistribution", bytes(registration.package or b""))
    except NodeUnreachable as exc:
        return _unreached(node, str(exc), now, patient=node.registered_at is not None)
    if answer.status != 200:
        reason = _refusal(answer)
        if 400 <= answer.status < 500:
            registration_fail(node=node, reason=reason, now=now)
            _generation_learn(node, reason)
            return None
        return _unreached(node, reason, now, patient=False)
    with transaction.atomic():
        node_lock(node)
        node_transition(node=node, to=NodeState.AWAITING_PASSWORD, reason="", actor=SYSTEM, now=now)
        Registration.objects.filter(pk=registration.pk).update(accepted_at=now)
    return POLL  # nobody has typed the password yet


def _generation_learn(node: Node, refusal: str) -> None:
    """An older database was restored, so the node has a later generation than the database: continue after the node's generation."""
    named = INSTALLED.search(refusal)
    if named and node.generation < int(named[1]) <= node.generation + MOST_LOST:
        Node.objects.filter(pk=node.pk, generation=node.generation, state=NodeState.FAILED).update(generation=int(named[1]))


def _await_password(node: Node, registration: Registration, now: datetime) -> timedelta | None:
    if registration.heard_at:
        node_transition(node=node, to=NodeState.VERIFYING, reason="", actor=SYSTEM, now=now)
        return None
    try:
        status = agent_status.parse(ask(node, "GET", "/status/servicestate").body)
    except (NodeUnreachable, ValueError):
        # Port 4444 closes when the password is entered; the heartbeat shows it.
        return _pause(registration, now)
    if registration.digest in status.refused:  # an older agent deletes the waiting package after ten wrong passwords
        registration_fail(node=node, reason=f"The node refuses the package. {REDISTRIBUTE}", now=now)
        return None
    _setup_page_recorded(node, registration, status, now)
    if status.value == 1 and registration.digest not in status.waiting:
        with contextlib.suppress(NodeUnreachable):  # the next check shows it
            ask(node, "POST", "/setup/certificatedistribution", bytes(registration.package or b""))
    return _pause(registration, now)


def _setup_page_recorded(node: Node, registration: Registration, status: AgentStatus, now: datetime) -> None:
    """Record the address of the node's setup page and its count of wrong passwords."""
    if status.setup_url and status.setup_url != node.setup_url:
        Node.objects.filter(pk=node.pk).update(setup_url=status.setup_url)
    wrong, before = status.wrong_passwords, registration.wrong_passwords
    if (wrong, status.paused_until) == (before, registration.paused_until):
        return
    with transaction.atomic():
        Registration.objects.filter(pk=registration.pk).update(wrong_passwords=wrong, paused_until=status.paused_until)
        if wrong > before:
            record(actor=SYSTEM, action="registration.wrong_passwords", target=node, detail={"count": wrong}, now=now)


def _pause(registration: Registration, now: datetime) -> timedelta:
    """Check often at first, rarely later or while many nodes wait: an unlocked node calls anyway."""
    waited = now - (registration.accepted_at or now)
    many = Node.objects.filter(state=NodeState.AWAITING_PASSWORD).count()
    return min(max(POLL, waited / 20, many * POLL / 20), SELDOM)


def _verify(node: Node, registration: Registration, now: datetime) -> timedelta | None:
    try:
        served = served_certificate(node)
    except NodeUnreachable as exc:
        return _unreached(node, str(exc), now, patient=False)
    if served != service_fingerprint(node, node.generation):
        return _unreached(
            node, "The node still serves a different certificate. Restart its agent if this does not change.", now, patient=False
        )
    with transaction.atomic():
        node_lock(node)
        node_transition(node=node, to=NodeState.REGISTERED, reason="", actor=SYSTEM, now=now, registered_at=node.registered_at or now)
        _secrets_wipe(node)
        older_supersede(node, node.generation, now=now)
        registration_settles(node)
    return None
