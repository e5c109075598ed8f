"""What the page and the command tell of recreating the root: what it touches, how far it is, and who is not back yet."""

from datetime import datetime
from typing import Any

from audit.actors import SYSTEM, Actor
from audit.models import Event
from backups.backup import VERIFIED
from certs.certificates.issuer import roots_in_force
from certs.exports.status import exports_in_use
from certs.models import CentralKey, Certificate, Rotation
from certs.roots.services import root_next_number
from certs.zone.services import zone_current
from jobs.models import Job, PeriodicWork
from nodes.models import Node
from nodes.revocation.exposure import Secret, secrets_of_every_node
from nodes.states import NodeState
from pki.core import clocks
from pki.core.commands import QMC
from pki.core.roles import Kind
from pki.issuing import issue
from qmc.recreation.services import ASKED, COMPLETED, RECREATED, TASK, nodes_touched
from web.progress import steps_at

STEPS = (
    "The site is backed up",
    "A trial restore proves the backup",
    "The new root is in force, everything older is revoked",
    "The central node has its new certificates",
)
CLUSTER_REPLACED = "Recreating the root replaces it. Then give each deployment the new public key."
BACKED_UP, PROVED = "backup.made", "backup.verified"


def secrets_of_center(*, since: datetime, actor: Actor, now: datetime) -> list[Secret]:
    """What whoever has the root's private key probably knows too: they had the database and the passphrase, or a backup."""
    key = CentralKey.objects.writing()
    return [
        *secrets_of_every_node(since=since, first="Do it when the nodes are back.", cluster=CLUSTER_REPLACED, actor=actor, now=now),
        Secret(
            "Central key", "It opens private keys that wait, browser certificates' keys, files of exports; every backup contains it.",
            f"On the central node run `{QMC} rotate_central_key`, then replace the browser certificates and their keys.",
            key is not None and key.created_at >= since,
        ),
        Secret(
            "Root passphrase", "It opens the private key of each root.",
            f"On the central node run `{QMC} rotate_root_passphrase`. Backups of before keep the passphrase that they were made with: destroy them.",
            None,
        ),
        Secret(
            "Django's secret key and people's passwords", "The one signs sessions; the others are kept as hashes, which can be guessed.",
            "Stop the site, delete the secret key's file and start it again, which signs everybody out. Let each person choose a new password.",
            None,
        ),
    ]  # fmt: skip


def recreation_plan(*, actor: Actor, now: datetime) -> dict[str, Any]:
    """What it would touch, before anybody confirms it. Raises: ZoneMissing."""
    zone, touched = zone_current(), nodes_touched()
    others = Node.objects.present().filter(is_central=False).exclude(pk__in=touched)
    in_force = Certificate.objects.issued()
    return {
        "now": now, "zone": zone, "roots": roots_in_force(), "name": issue.root_name(zone.name, root_next_number()),
        "central": Node.objects.get(is_central=True), "touched": touched, "others": others.count(),
        "cluster": in_force.filter(kind=Kind.CLUSTER), "certificates": in_force.exclude(kind=Kind.ROOT).count(),
        "rotation": Rotation.objects.filter(under_way=True).first(), "backup": PeriodicWork.objects.filter(name=VERIFIED).first(),
        "secrets": secrets_of_center(since=now, actor=actor, now=now), "exports": exports_in_use(), "last": Job.objects.filter(task=TASK).first(),
    }  # fmt: skip


def recreation_lines(*, now: datetime) -> list[str]:
    """The same for a terminal."""
    plan = recreation_plan(actor=SYSTEM, now=now)
    told = [f"Recreating the root of {plan['zone'].name} touches:"]
    told += [f"  root     {each.subject}, ends {clocks.stamp(each.not_after)}: revoked, its key wiped" for each in plan["roots"]]
    told += [f"  cluster  {each.subject}: replaced by one of {plan['name']}" for each in plan["cluster"]]
    told += [f"  central  {plan['central'].host_name}: gets new certificates at once; the database key stays"]
    told += [
        f"  node     {each.name} ({each.host_name}; {', '.join(each.services) or 'no services'}; {each.state}): needs a new password"
        for each in plan["touched"]
    ]
    told += [f"  export   {each.machine}, made by {each.actor}: refused until it is renewed" for each in plan["exports"]]
    return [*told, f"  {plan['certificates']} certificates in force are revoked, and so is every export and copy of them."]


def _done(events: list[Event]) -> int:
    """How many of `STEPS` are done; `events` are the zone's own, the newest first."""
    turn = next((each for each in events if each.action in (ASKED, RECREATED, COMPLETED)), None)
    if turn is None or turn.action != ASKED:
        return 0 if turn is None else {RECREATED: 3, COMPLETED: 4}[turn.action]
    since = {each.action for each in events if each.sequence > turn.sequence}
    return 2 if PROVED in since else int(BACKED_UP in since)


def recreation_page(*, actor: Actor, now: datetime) -> dict[str, Any]:
    """How far the last recreation is, and every node that it touched as it stands now."""
    zone, job = zone_current(), Job.objects.filter(task=TASK).first()
    actions = [ASKED, BACKED_UP, PROVED, RECREATED, COMPLETED]
    events = list(Event.objects.for_target(zone.pk).filter(action__in=actions)[:20])
    done = _done(events)
    failed = job is not None and job.outcome == Job.Outcome.FAILED
    here = "failed" if failed else "now"
    recreated = next((each for each in events if each.action == RECREATED), None) if done > 2 else None
    nodes = Node.objects.present().filter(pk__in=[each["id"] for each in recreated.detail["nodes"]] if recreated else [])
    return {
        "now": now, "zone": zone, "job": job, "failed": failed, "under_way": job is not None and not job.outcome,
        "steps": steps_at(STEPS, done=done, here=here),
        "secrets": secrets_of_center(since=recreated.at, actor=actor, now=now) if recreated else [],
        "recreated": recreated, "nodes": nodes, "back": sum(node.state == NodeState.REGISTERED for node in nodes),
    }  # fmt: skip
