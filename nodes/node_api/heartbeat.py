"""The heartbeat: a node's report, and the answer to it."""

import base64
import hashlib
import secrets
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from audit.actors import SYSTEM, Actor
from audit.record import record
from certs.models import DatabaseKey
from certs.states import DatabaseKeyStatus
from jobs.services import job_nudge
from nodes.browser_certificates.services import choice_for, chosen_certificate
from nodes.cluster.services import cluster_proof
from nodes.errors import StaleNode
from nodes.inventory.intervals import silence_after
from nodes.inventory.transition import node_lock, node_transition, renewal_transition
from nodes.models import CallerFinding, Node, Nudge, Observation, Registration, Renewal
from nodes.node_api.caller import Caller
from nodes.node_api.site import Site, site_cached, site_read
from nodes.observation import callers
from nodes.observation.callers import Call
from nodes.observation.models import derived_columns, proof_is_recent
from nodes.registration import services as registrations
from nodes.renewal import services as renewals
from nodes.states import UNDER_WAY, NodeState, RenewalStatus
from pki.core import clocks, sealing
from pki.exchange.answer import Answer
from pki.exchange.report import Report
from pki.exchange.turns import Verdict
from sealing.local_keys import key_ring

UNKNOWN_PLACE = Call()
# A registration in one of these waits for the first call with its certificate.
BEFORE_ITS_CALL = frozenset({NodeState.DISTRIBUTING, NodeState.AWAITING_PASSWORD})
NOTED = {Verdict.TWO_CALLERS: CallerFinding.Kind.TWO_CALLERS, Verdict.DATABASE_OLDER: CallerFinding.Kind.DATABASE_OLDER}
LIVELY = timedelta(minutes=10)
OBSERVED = (
    "generation", "trusts", "revocation_lists", "installed", "served", "hook", "listening", "browser", "database_keys", "version", "system",
    "central_addresses", "central_called",
)  # fmt: skip


def heartbeat(*, caller: Caller, report: Report, now: datetime, call: Call = UNKNOWN_PLACE) -> Answer:
    """Store the observation, continue work that waited for this call, and answer.

    Raises: StaleNode if another call of this node was answered in the meantime, or the caller closed the connection. Then nothing was stored.
    """
    node, site = caller.node, site_cached(caller.site_digest)
    registers = node.state in BEFORE_ITS_CALL and caller.certificate_generation == node.generation
    found = callers.verdict(node, report, generation=caller.certificate_generation, registers=registers)
    if found == Verdict.EARLIER_REGISTRATION:
        callers.finding_note(kind=CallerFinding.Kind.SUPERSEDED, node=node, call=call, now=now, generation=report.generation)
        return _to_earlier(report, site, now)
    before, live = node.observed, site.live_for(node)
    turn = callers.turn_make(node, now=now)
    proved, challenges, expected = _proof(node, report, live, now)
    choice = choice_for(node, chosen_certificate(node))
    revision = choice.revision if choice else ""
    asked = {"proved": proved, "challenges": expected, **cluster_proof(node, report, now)}
    if call.has_ended():
        raise StaleNode("The caller has hung up.")
    # No answer has a longer interval than `regular_s`.
    asked["silent_at"] = now + silence_after(timedelta(seconds=site.regular_s))
    _observe(node, report, asked | {"turn": turn, "turn_before": report.turn, "address": call.address}, now)
    if found in NOTED:
        callers.finding_note(kind=NOTED[found], node=node, call=call, now=now, generation=report.generation, other=before)
    _browser_recorded(node, report, revision, before, now)
    disputed = caller.is_disputed or found == Verdict.TWO_CALLERS
    renewal = Renewal.objects.under_way().filter(node=node).first() if caller.has_renewal else None
    if caller.certificate_generation == node.generation:
        _called_home(node, renewal, now)
    if renewal is None and _lacks_key(site, node, report) and _lacks_key(site_read(), node, report):
        renewal = renewals.renewal_ensure(actor=SYSTEM, node=node, now=now)
    offered = renewal is not None and renewal.status == RenewalStatus.OFFERED and not disputed
    differs, addresses = _trust_differs(report, site), _addresses_differ(report, site)
    expects = renewal is not None or differs or bool(addresses) or not set(live) <= set(proved) or _is_asked_for_cluster_key(asked, before)
    pending = expects or _is_in_transition(site, node, report, revision, now)
    return Answer(
        now=now,
        interval_s=site.interval_for(node, pending=pending),
        reopen=node.state == NodeState.DISTRIBUTING and caller.certificate_generation < node.generation,
        trust=differs,
        package=renewal.generation if renewal is not None and offered else None,
        browser=None if disputed else revision,
        turn=turn,
        challenges=challenges,
        cluster_challenge=asked["cluster_challenge"],
        retired_database_keys=_retired(report.database_keys, live),
        central_addresses=addresses,
        nudged_by=site.nudged_by,
    )


def _is_in_transition(site: Site, node: Node, report: Report, revision: str, now: datetime) -> bool:
    """Whether something is under way that the node's next call continues."""
    return node.state in UNDER_WAY or _is_waited_for(site, node, report, now) or _browser_is_on_its_way(node, report, revision, now)


def _is_asked_for_cluster_key(asked: dict[str, Any], before: Observation | None) -> bool:
    """Whether this answer has a new challenge for the cluster key, which the node's next report answers."""
    challenge = asked["cluster_challenge"]
    return bool(challenge) and (before is None or challenge != before.cluster_challenge) and not asked["cluster_proved_at"]


def _to_earlier(report: Report, site: Site, now: datetime) -> Answer:
    """The answer to a caller with certificates from before the last registration: only the trust, no data of the node."""
    return Answer(now=now, interval_s=site.regular_s, trust=_trust_differs(report, site))


def _proof(node: Node, report: Report, live: list[str], now: datetime) -> tuple[dict[str, str], dict[str, str], dict[str, str]]:
    """When the node last decrypted a challenge of each live key, the next challenges (base64), and the SHA-256 of their content.

    A key whose proof is recent gets no challenge.
    """
    seen = node.observed
    proved = dict(seen.proved) if seen else {}
    for key_id, opened in report.proofs.items():
        if seen and hashlib.sha256(opened).hexdigest() == seen.challenges.get(key_id):
            proved[key_id] = now.isoformat()
    held = set(live) & set(report.database_keys)
    proved = {key_id: proved[key_id] for key_id in held if key_id in proved}
    due = {key_id for key_id in live if key_id not in proved or not proof_is_recent(clocks.parsed(proved[key_id]), now)}
    ring = key_ring().keys if due else {}
    challenges, expected = {}, {}
    for key_id in ring.keys() & due:
        secret = secrets.token_bytes(32)
        sealed = sealing.seal(ring[key_id], secret, bound_to=sealing.challenge_for(str(node.pk)))
        challenges[key_id] = base64.b64encode(sealed).decode()
        expected[key_id] = hashlib.sha256(secret).hexdigest()
    return proved, challenges, expected


def _is_waited_for(site: Site, node: Node, report: Report, now: datetime) -> bool:
    """Whether a phase of a rotation has just started, and the node cannot be nudged, so that it calls often."""
    rotation = site.rotation
    if rotation is None or rotation.paused or now - (rotation.switched_at or rotation.created_at) >= LIVELY:
        return False
    return not report.listening or Nudge.objects.filter(node=node, reached=False).exists()


def _browser_is_on_its_way(node: Node, report: Report, revision: str, now: datetime) -> bool:
    """Whether a choice has just changed, so that the node calls often until it has it."""
    differs = bool(report.browser) and report.browser["revision"] != revision
    return differs and node.browser_chosen_at is not None and now - node.browser_chosen_at < LIVELY


def _browser_recorded(node: Node, report: Report, revision: str, seen: Observation | None, now: datetime) -> None:
    """Record when a node starts or stops using the chosen certificate. `seen` is the observation before this report."""
    reported = report.browser
    if revision and reported and reported["revision"] == revision and reported != (seen.browser if seen else {}):
        record(actor=Actor("node", node.name), action="node.browser_certificate_taken", target=node, detail=reported, now=now)


def _lacks_key(site: Site, node: Node, report: Report) -> bool:
    """Whether the node has a package from before a rotation. During a rotation, the rotation renews it."""
    return site.rotation is None and not set(site.live_for(node)) <= set(report.database_keys)


def _trust_differs(report: Report, site: Site) -> bool:
    """Whether the node trusts other roots than the current ones, or lacks their newest revocation lists."""
    trusted, lists = site.trusted, report.revocation_lists
    return set(report.trusts) != set(trusted) or any(lists.get(root, 0) < number for root, number in trusted.items())


def _addresses_differ(report: Report, site: Site) -> list[str]:
    """The addresses to call, if the node reports that it knows other addresses; else empty."""
    return site.addresses if report.central_addresses and report.central_addresses != site.addresses else []


def _retired(held: list[str], live: list[str]) -> list[str]:
    """The ids of the node's keys that are retired."""
    if set(held) <= set(live):
        return []
    return [str(database_key.key_id) for database_key in DatabaseKey.objects.filter(status=DatabaseKeyStatus.RETIRED, key_id__in=held)]


def _observe(node: Node, report: Report, asked: dict[str, Any], now: datetime) -> None:
    """Store what has changed. Raises: StaleNode if another call was answered in the meantime."""
    before = node.observed
    seen = {name: getattr(report, name) for name in OBSERVED} | asked
    seen |= derived_columns(seen, at=now, serves_another_since=before.serves_another_since if before else None)
    seen |= {"last_seen_at": now, "clock_offset_s": clocks.bounded((report.clock - now).total_seconds())}
    if before is None:
        Observation.objects.update_or_create(node=node, defaults=seen)
        return
    changed = {name: value for name, value in seen.items() if getattr(before, name) != value}
    if not Observation.objects.filter(node=node, turn=before.turn).update(**changed):
        raise StaleNode(f"Another call of {node} was answered in the meantime.")


def _called_home(node: Node, renewal: Renewal | None, now: datetime) -> None:
    """The node called with its newest certificate, so it is installed: continue the registration or renewal."""
    actor = Actor("node", node.name)
    if node.state in BEFORE_ITS_CALL:
        with transaction.atomic():
            node_lock(node)
            Registration.objects.filter(node=node, generation=node.generation).update(heard_at=now)
            node_transition(node=node, to=NodeState.VERIFYING, reason="", actor=actor, now=now)
            job_nudge(task=registrations.TASK, subject=node.pk, now=now)
    if renewal is not None and renewal.status == RenewalStatus.OFFERED and renewal.generation == node.generation:
        with transaction.atomic():
            renewal_transition(renewal=renewal, to=RenewalStatus.PROVING, reason="", actor=actor, now=now)
            job_nudge(task=renewals.TASK, subject=renewal.pk, now=now)


def package_for(*, node: Node, generation: int) -> bytes | None:
    """The renewal's package, encrypted for the node's current service key; None if nothing is offered, or two machines call as this node."""
    if callers.is_disputed(node):
        return None
    renewal = Renewal.objects.filter(node=node, generation=generation, status=RenewalStatus.OFFERED).first()
    return bytes(renewal.package) if renewal and renewal.package else None
