"""The content of the page and of the command that recreate the root: its effects, its progress, and the nodes that wait for a password."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count

from audit.actors import SYSTEM, Actor
from audit.models import Event
from backups.backup import VERIFIED
from certs.certificates.issuer import roots_in_force, rotation_under_way, site_certificates
from certs.exports.status import exports_in_use
from certs.exports.view_models import AffectedExports, affected_exports
from certs.models import CentralKey, Certificate, Rotation, TrustZone
from certs.roots.services import root_next_number
from certs.zone.services import zone_current
from jobs.models import Job, PeriodicWork
from nodes.inventory.models import NodeQuerySet
from nodes.models import Node
from nodes.revocation.exposure import Secret, secrets_of_every_node
from nodes.states import NodeState
from pki.core import clocks
from pki.core.commands import QMC
from pki.core.roles import Kind
from pki.issuing import issue
from qmc.recreation.services import ASKED, COMPLETED, RECREATED, TASK, last_job, nodes_counted, nodes_touched
from web.progress import Step, steps_at
from web.words import counted, plural

STEPS = (
    "The site is backed up",
    "A trial restore proves the backup",
    "The new root is in force, and all older certificates are revoked",
    "The central node has its new certificates",
)
CLUSTER_REPLACED = "Recreating the root replaces it. Then give each deployment the new public key."
BACKED_UP, PROVED = "backup.made", "backup.verified"


def secrets_of_center(*, since: datetime, actor: Actor, now: datetime) -> list[Secret]:
    """Secrets that a person with the root's private key probably knows too, because they had the database and the passphrase, or a backup."""
    key = CentralKey.objects.writing()
    return [
        *secrets_of_every_node(since=since, first="Do it when the nodes are registered again.", cluster=CLUSTER_REPLACED, actor=actor, now=now),
        Secret(
            "Central key", "It opens private keys that wait for a node, keys of browser certificates and files of exports. Every backup contains it.",
            f"On the central node, run `{QMC} rotate_central_key`, then replace the browser certificates and their keys.",
            key is not None and key.created_at >= since,
        ),
        Secret(
            "Root passphrase", "It opens the private key of each root.",
            f"On the central node, run `{QMC} rotate_root_passphrase`. Earlier backups contain the root key under their own passphrases: destroy them.",
            None,
        ),
        Secret(
            "Django's secret key and people's passwords", "The secret key signs sessions. The database has hashes of the passwords, from which weak passwords can be guessed.",
            "Stop the site, delete the file of the secret key, and start the site again. This signs everybody out. Let each person choose a new password.",
            None,
        ),
    ]  # fmt: skip


@dataclass(frozen=True)
class RecreationPlan:
    """The effects of recreating the root. `name` is the subject of the new root. `others` counts nodes without certificates."""

    zone: TrustZone
    name: str
    roots: list[Certificate]
    cluster: list[Certificate]
    central: Node
    nodes: int
    others: int
    certificates: int
    exports: AffectedExports
    rotation: Rotation | None
    secrets: list[Secret]
    last_backup: datetime | None
    was_recreated: bool

    @property
    def nodes_count(self) -> str:
        return counted(self.nodes, "other node")

    @property
    def others_unaffected(self) -> str:
        nodes = counted(self.others, "other node without certificates is", "other nodes without certificates are")
        return f"{nodes} not affected." if self.others else ""

    @property
    def certificates_revoked(self) -> str:
        return f"{plural(self.certificates, 'is', 'are')} revoked, with all exports and all copies"

    @property
    def certificate_count(self) -> str:
        return counted(self.certificates, "certificate")

    @property
    def rotation_effect(self) -> str:
        if self.rotation and self.rotation.kind == Rotation.Kind.ROOT:
            return "it is cancelled"
        return "the rotation of the database key waits until its nodes are registered again"


@dataclass(frozen=True)
class Recreated:
    """The new root, and the backup that was written before it was made."""

    at: datetime
    root: str
    sha256: str
    replaced: list[str]
    certificates: int
    backup: str
    passphrase_file: str

    @property
    def revoked(self) -> str:
        return f"{counted(self.certificates, 'certificate')}, of {', '.join(self.replaced)}"


@dataclass(frozen=True)
class RecreationPage:
    """The progress of the last recreation. `nodes` are the nodes that it affected, and `registered` counts those that are registered again.

    `secrets` may be known to others.
    """

    zone: TrustZone
    job: Job | None
    steps: list[Step]
    recreated: Recreated | None
    nodes: NodeQuerySet
    registered: int
    total: int
    secrets: list[Secret]

    @property
    def failed(self) -> bool:
        return self.job is not None and self.job.outcome == Job.Outcome.FAILED

    @property
    def under_way(self) -> bool:
        return self.job is not None and not self.job.outcome

    @property
    def status(self) -> str:
        return "failed" if self.failed else "under_way" if self.under_way else "finished"

    @property
    def title(self) -> str:
        return {"failed": "It failed, and nothing has changed", "under_way": "In progress", "finished": "Finished"}[self.status]

    @property
    def seconds(self) -> int:
        """The interval at which the page reloads its parts."""
        return 2 if self.under_way else 15

    @property
    def nodes_title(self) -> str:
        return f"{self.registered} of {counted(self.total, 'node is', 'nodes are')} registered again"


def recreation_plan(*, actor: Actor, now: datetime) -> RecreationPlan:
    """The effects of a recreation, before a person confirms it. Raises: ZoneMissing."""
    zone, (nodes, others) = zone_current(), nodes_counted()
    in_force, backup = Certificate.objects.issued(), PeriodicWork.objects.filter(name=VERIFIED).first()
    return RecreationPlan(
        zone=zone,
        name=issue.root_name(zone.name, root_next_number()),
        roots=list(roots_in_force()),
        cluster=[certificate for certificate in site_certificates() if certificate.kind == Kind.CLUSTER],
        central=Node.objects.get(is_central=True),
        nodes=nodes,
        others=others,
        certificates=in_force.exclude(kind=Kind.ROOT).count(),
        exports=affected_exports(exports_in_use(), filters={}),
        rotation=rotation_under_way(),
        secrets=secrets_of_center(since=now, actor=actor, now=now),
        last_backup=backup.last_success if backup else None,
        was_recreated=last_job(zone) is not None,
    )


def recreation_lines(*, now: datetime) -> list[str]:
    """The same for a terminal."""
    plan = recreation_plan(actor=SYSTEM, now=now)
    lines = [f"Recreating the root of {plan.zone.name} touches:"]
    lines += [f"  root     {root.subject}, expires {clocks.stamp(root.not_after)}: revoked, its key wiped" for root in plan.roots]
    lines += [f"  cluster  {certificate.subject}: replaced by one of {plan.name}" for certificate in plan.cluster]
    lines += [f"  central  {plan.central.host_name}: gets new certificates at once; the database key stays"]
    lines += [
        f"  node     {node.name} ({node.host_name}; {', '.join(node.services) or 'no services'}; {node.state}): needs a new password"
        for node in nodes_touched()
    ]
    lines += [f"  export   {export.machine}, made by {export.actor}: refused until it is renewed" for export in exports_in_use()]
    return [*lines, f"  {plan.certificates} certificates in force are revoked, and with them all exports and copies."]


def _done(events: list[Event]) -> int:
    """The number of finished `STEPS`. `events` are those of the trust zone, the newest first."""
    turn = next((event for event in events if event.action in (ASKED, RECREATED, COMPLETED)), None)
    if turn is None or turn.action != ASKED:
        return 0 if turn is None else {RECREATED: 3, COMPLETED: 4}[turn.action]
    since = {event.action for event in events if event.sequence > turn.sequence}
    return 2 if PROVED in since else int(BACKED_UP in since)


def recreation_page(*, actor: Actor, now: datetime) -> RecreationPage:
    """The progress of the last recreation, and the present state of every node that it affected."""
    zone = zone_current()
    job = Job.objects.filter(task=TASK, subject=zone.pk).order_by("-created_at").first()
    actions = [ASKED, BACKED_UP, PROVED, RECREATED, COMPLETED]
    events = list(Event.objects.for_target(zone.pk).filter(action__in=actions)[:20])
    done = _done(events)
    failed = job is not None and job.outcome == Job.Outcome.FAILED
    event = next((recorded for recorded in events if recorded.action == RECREATED), None) if done > 2 else None
    steps = steps_at(STEPS, done=done, here="failed" if failed else "now")
    if event is None:
        return RecreationPage(zone, job, steps, None, Node.objects.none(), 0, 0, [])
    fields = {name: event.detail[name] for name in ("root", "sha256", "replaced", "certificates", "backup", "passphrase_file")}
    nodes = Node.objects.present().filter(pk__in=[node["id"] for node in event.detail["nodes"]])
    counts = dict(nodes.order_by().values_list("state").annotate(Count("pk")))
    return RecreationPage(
        zone=zone,
        job=job,
        steps=steps,
        recreated=Recreated(at=event.at, **fields),
        nodes=nodes,
        registered=counts.get(NodeState.REGISTERED, 0),
        total=sum(counts.values()),
        secrets=secrets_of_center(since=event.at, actor=actor, now=now),
    )
