"""Seed a founded site: first the rows that others refer to, then all histories in the order of time, then what is computed from them."""

import random
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from heapq import merge

from django.db import connection, models, transaction
from django.db.models import F, Max

from audit.actors import SYSTEM, Actor
from audit.checkpoints.services import checkpoint_sign
from bench.seed.certificates import Maker, browser_pair
from bench.seed.histories import FAILURE, NodeHistory, World, backups, export_history
from bench.seed.log import BATCH, Log, Step
from bench.seed.plan import MONTHS, Counts, Plan, PlannedExport, PlannedNode, plan_made
from certs.certificates.issuer import issuer_current
from certs.certificates.revocation_lists import TASK as REVOCATION_LIST
from certs.exports.names import names_of as names_of_export
from certs.lifetime.services import lifetime_set
from certs.models import Certificate, Export, NameClaim, NameHolder, TrustZone
from certs.names.services import Names, name_key
from certs.revocation.lists import list_issue, trust_in_force
from certs.roots.services import cluster_in_force
from certs.states import ExportStatus
from jobs.models import Job
from nodes.addresses.services import central_addresses, netlocs
from nodes.browser_certificates.services import browser_certificate_upload, choice_for
from nodes.calls.services import call_limits
from nodes.inventory.intervals import regular_interval
from nodes.inventory.names import names_of
from nodes.jobs import RENEWAL
from nodes.models import BrowserCertificate, Node, Observation, Renewal
from nodes.observation.models import trust_digest
from nodes.states import NodeState
from pki.core import lifetime
from pki.core.pair import Pair
from pki.foreign import read as foreign
from pki.foreign.uploaded import File
from sealing.local_keys import key_ring

JOBS_KEPT = timedelta(days=80)
NOT_EXPORTED = "The certificates could not be made: The root certificate has expired. Recreate it before you issue certificates."
Say = Callable[[str], None]


class NotSeeded(Exception):
    """The site cannot be seeded."""


def seed(counts: Counts, *, now: datetime, say: Say) -> None:
    """Raises: NotSeeded, ZoneBroken."""
    zone = TrustZone.objects.current()
    if zone is None:
        raise NotSeeded("This site is not founded. Run `manage.py init` with the same data directory first.")
    if Node.objects.filter(is_central=False).exists():
        raise NotSeeded("This site has nodes already. Seed a newly founded site.")
    issuer = issuer_current()
    cluster = cluster_in_force(issuer.row)
    assert cluster is not None
    lifetime_set(actor=SYSTEM, months=MONTHS, now=now)
    plan = plan_made(counts, now=now)
    served = _browser_pairs(counts, now)
    ((key_id, key),) = key_ring().keys.items()
    world = World(
        Maker(issuer, key, zone.database_key_oids), zone, cluster, key_id, netlocs(central_addresses()),
        [foreign.from_pem(pair.certificate).thumbprints[1] for pair in served], now, timedelta(seconds=regular_interval(counts.nodes, limits=call_limits())),
    )  # fmt: skip
    nodes = [(planned, _node(planned, served)) for planned in plan.nodes]
    exports = [(planned, _export(planned)) for planned in plan.exports]
    _saved([node for _, node in nodes])
    _saved([export for _, export in exports])
    _names_taken(
        [names_of(node) for _, node in nodes if node.state != NodeState.DECOMMISSIONED]
        + [names_of_export(export) for _, export in exports if export.status != ExportStatus.REVOKED],
        now,
    )
    say(f"{len(nodes)} nodes and {len(exports)} exports")
    log = Log(plan.left_out)
    log.write(_with_progress(_histories(plan, nodes, exports, world), say))
    say(f"{Certificate.objects.count()} certificates and {log.sequence} events")
    _jobs_made(counts.jobs, issuer.row, now)
    say(f"{Job.objects.count()} jobs")
    _browser_certificates_uploaded(served, now)
    list_issue(root=issuer.row, now=now)
    trust = trust_in_force()
    Observation.objects.update(revocation_lists=trust, trust_sha256=trust_digest(trust, trust))
    while checkpoint_sign(now=now):
        pass
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")  # as autovacuum, or on SQLite a worker, does within the hour


def calls_moved(*, now: datetime) -> None:
    """Move the calls of all nodes, so that the newest is from now: a site that was seeded earlier looks as just after it was seeded."""
    newest = Observation.objects.aggregate(newest=Max("last_seen_at"))["newest"]
    if newest is None:
        raise NotSeeded("No node of this site has called. Seed it first.")
    Observation.objects.update(last_seen_at=F("last_seen_at") + (now - newest), silent_at=F("silent_at") + (now - newest))


def _histories(
    plan: Plan, nodes: list[tuple[PlannedNode, Node]], exports: list[tuple[PlannedExport, Export]], world: World
) -> Iterator[Step]:
    """All steps in the order of time."""
    of_nodes = (NodeHistory(planned, node, world).steps() for planned, node in nodes)
    of_exports = (export_history(planned, export, world) for planned, export in exports)
    return merge(*of_nodes, *of_exports, backups(plan, world), key=lambda step: step.at)


def _with_progress(steps: Iterable[Step], say: Say) -> Iterator[Step]:
    """The same steps. Says now and then how many events there were."""
    events, said = 0, 0
    for step in steps:
        yield step
        events += len(step.events)
        if events - said >= 100_000:
            said = events
            say(f"  {events} events, {step.at:%d %b %Y}")


def _saved(rows: Sequence[models.Model]) -> None:
    for start in range(0, len(rows), BATCH):
        with transaction.atomic():
            type(rows[start])._base_manager.bulk_create(rows[start : start + BATCH])


def _node(planned: PlannedNode, served: list[Pair]) -> Node:
    issued, state = planned.issued, planned.state
    since = {
        NodeState.CREATED: planned.created_at, NodeState.DECOMMISSIONED: planned.ended_at
    }.get(state) or issued[0] + timedelta(seconds={NodeState.AWAITING_PASSWORD: 5, NodeState.FAILED: 190}.get(state, 91))  # fmt: skip
    was_registered = state in (NodeState.REGISTERED, NodeState.DECOMMISSIONED)
    browser = None if planned.browser is None else foreign.from_pem(served[planned.browser].certificate).thumbprints[0]
    return Node(
        id=planned.id, name=planned.name, host_name=planned.host_name, address=planned.address,
        subject_alternative_names=planned.further_names, services=planned.services, state=state,
        state_reason=FAILURE if state is NodeState.FAILED else "", failed_from=NodeState.DISTRIBUTING if state is NodeState.FAILED else "", state_since=since, generation=planned.generation,
        created_at=planned.created_at, registered_at=issued[0] + timedelta(seconds=91) if was_registered else None,
        setup_url=f"http://{planned.address}:4570/certificateSetup" if issued else "",
        browser_thumbprint=browser or "", browser_chosen_at=issued[-1] if browser else None,
    )  # fmt: skip


def _export(planned: PlannedExport) -> Export:
    at = planned.made_at
    export = Export(
        id=planned.id, machine=planned.machine, format="pem" if planned.number % 2 else "windows", include_secrets_key=True, include_ca=True, status=ExportStatus.MADE,
        status_since=at, batch=uuid.uuid4(), actor="admin", created_at=at - timedelta(seconds=2), made_generation=1, made_at=at,
        not_after=lifetime.validity(now=at, months=MONTHS, issuer_not_after=None).not_after,
    )  # fmt: skip
    if planned.is_failed:
        export.status, export.status_reason, export.made_generation, export.made_at, export.not_after = (
            ExportStatus.FAILED,
            NOT_EXPORTED,
            0,
            None,
            None,
        )
    elif planned.is_revoked:
        export.status, export.status_reason, export.status_since = (
            ExportStatus.REVOKED,
            "the machine was replaced",
            at + timedelta(days=1, hours=4),
        )
    return export


def _names_taken(requested: list[Names], now: datetime) -> None:
    """The rows of the register of names, as `names_take` writes them."""
    claims: dict[str, NameClaim] = {}
    holders = []
    for names in requested:
        for key, exclusive in names.by_key().items():
            claim = claims.setdefault(key, NameClaim(name=name_key(key), exclusive=exclusive))
            holders.append(NameHolder(claim=claim, kind=names.kind, holder_id=names.holder_id, exclusive=exclusive, since=now))
    _saved([*claims.values()])
    _saved(holders)


def _jobs_made(count: int, root: Certificate, now: datetime) -> None:
    """Finished jobs of the last weeks: renewals and revocation lists. One of forty failed."""
    rng, begins = random.Random(count), now - JOBS_KEPT
    newest = Renewal.objects.order_by("-created_at").select_related("node").defer("package")[: 10 * BATCH]
    subjects = [(RENEWAL, renewal.pk, f"Renewal of {renewal.node}") for renewal in newest]
    lists = (REVOCATION_LIST, root.pk, f"Revocation list of {root.subject}")
    at = begins
    for start in range(0, count, BATCH):
        jobs = []
        for number in range(start, min(start + BATCH, count)):
            task, subject, title = subjects[number % len(subjects)] if subjects and number % 4 else lists
            at += JOBS_KEPT / (count + 1)
            failed = task == RENEWAL and rng.random() < 1 / 40
            jobs.append(
                Job(
                    task=task, subject=subject, title=title, actor=SYSTEM.label, created_at=at, next_attempt_at=at, claims=rng.randint(1, 4),
                    outcome=Job.Outcome.FAILED if failed else Job.Outcome.DONE, error="The node did not call within 10 minutes." if failed else "",
                    finished_at=at + timedelta(seconds=rng.uniform(0.2, 90)),
                )
            )  # fmt: skip
        _saved(jobs)


def _browser_pairs(counts: Counts, now: datetime) -> list[Pair]:
    """Certificates that browsers get. The first expires in 12 days, the second in 25."""
    days = [12, 25, *(40 + number * 300 // counts.browser_certificates for number in range(counts.browser_certificates))]
    return [
        browser_pair(
            f"analytics-{number}.example", ["*.corp.example"], begins=now - timedelta(days=60), ends=now + timedelta(days=days[number])
        )
        for number in range(counts.browser_certificates)
    ]


def _browser_certificates_uploaded(served: list[Pair], now: datetime) -> None:
    """Upload them as a person does, and let their nodes report them."""
    actor = Actor("system", "admin")
    for pair in served:
        files = [File("certificate.pem", pair.certificate), File("key.pem", pair.private_key)]
        certificate: BrowserCertificate = browser_certificate_upload(actor=actor, files=files, now=now)
        chosen = Node.objects.filter(browser_thumbprint=certificate.thumbprint)
        if (node := chosen.first()) and (choice := choice_for(node, certificate)):
            Observation.objects.filter(node__in=chosen).update(browser={"revision": choice.revision, "problem": ""})
