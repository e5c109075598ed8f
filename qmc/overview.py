"""The overview's question: is the site safe, and what must somebody do next?"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.urls import reverse

from certs.errors import ClockDoubtful, ZoneBroken
from certs.models import Certificate, Export, Rotation, TrustZone
from certs.services.export_standing import Standing, export_standings
from certs.services.issuer import issuing_root, roots_in_force
from certs.services.lifetime import zone_current
from certs.services.revocation import lists_stale
from jobs.clock import clock_jump
from jobs.models import Job, PeriodicWork
from nodes.browser_story import browser_story, choosers
from nodes.key_story import rotation_story as key_rotation_story
from nodes.models import SILENT_AFTER, BrowserCertificate, Node, Renewal
from nodes.revocation_story import bereft
from nodes.root_story import rotation_story as root_rotation_story
from nodes.services.clock_doubt import clock_believed
from nodes.services.cluster import manual_standing, site_answer
from nodes.services.registration import setup_url
from nodes.services.upkeep import Due, renewals_due, root_is_due, rotates_next
from nodes.serving import hook_run, still_old
from nodes.states import NodeState, RenewalStatus
from nodes.story import failed_from
from nodes.trouble import trouble
from pki import clocks
from pki.lifetime import ExpiryStatus
from pki.roles import Kind
from qmc.services.backup import VERIFIED
from qmc.templatetags.console import left_words, spoken

# Known periodic work: what it is called, and after how long its silence is a fault.
RUNNING = {
    "reconcile": ("Worker and scheduler", timedelta(seconds=60)),
    "certificate sweep": ("Certificate sweep", timedelta(minutes=5)),
    "upkeep": ("Renewals and rotations that are due", timedelta(minutes=5)),
    "key pool": ("Keys made ahead", timedelta(minutes=5)),
}
# More nodes than this that were never registered, or exports of one state, are one line, so that they hide nothing.
MOST_ALIKE = 3
BACKUP_PATIENCE = timedelta(days=7)
# Renewals that are overdue become red in the last days of a certificate, or when they are this late.
BROWSER_ENDS_SOON = timedelta(days=30)
LAST_DAYS, VERY_LATE = timedelta(days=30), timedelta(days=7)
LAST_WEEK = timedelta(days=7)
ORDER = {"red": 0, "orange": 1, "blue": 2}


@dataclass(frozen=True)
class Need:
    """Something that waits for a person: what happened, why, and where it is put right."""

    colour: str
    title: str
    text: str
    url: str
    button: str


@dataclass(frozen=True)
class Running:
    """One piece of periodic work; `trouble` is empty while it is well."""

    label: str
    last_success: datetime | None
    trouble: str


def running(now: datetime) -> list[Running]:
    """Whether what must always run does."""
    rows = {row.name: row for row in PeriodicWork.objects.all()}
    return [_running(label, patience, rows.get(name), now) for name, (label, patience) in RUNNING.items()]


def _running(label: str, patience: timedelta, row: PeriodicWork | None, now: datetime) -> Running:
    if row is None or row.last_success is None:
        zone = TrustZone.objects.current()
        starting = zone is not None and zone.founded_at is not None and now - zone.founded_at < patience
        return Running(label, None, (row.last_error if row else "") or ("" if starting else "has not run yet"))
    overdue = "overdue" if now - row.last_success > patience else ""
    return Running(label, row.last_success, row.last_error or overdue)


def _node_needs(node: Node, now: datetime) -> Iterator[Need]:
    url, again = reverse("nodes:detail", args=[node.pk]), reverse("nodes:redistribute", args=[node.pk])
    match node.state:
        case NodeState.FAILED:
            what = "its certificates ended" if failed_from(node) == NodeState.REGISTERED else "registration failed"
            yield Need("red", f"{node}: {what}", node.state_reason, again, "Redistribute")
        case NodeState.AWAITING_PASSWORD:
            yield Need("blue", f"{node} waits for its password", f"Type it on that machine at {setup_url(node)}.", url, "Open")
        case NodeState.DISTRIBUTING | NodeState.VERIFYING if node.state_reason:
            yield Need("orange", f"{node} does not go on", node.state_reason, url, "Show node")
        case NodeState.REGISTERED:
            yield from _registered_needs(node, now, url)


def _registered_needs(node: Node, now: datetime, url: str) -> Iterator[Need]:
    seen = node.observed
    if not node.online(now):
        since = seen.last_seen_at if seen else node.registered_at or now
        if now - since >= SILENT_AFTER:
            text = "Start its agent, or let it reach the central node on the node port."
            yield Need("red", f"{node} has not called for {spoken((now - since).total_seconds())}", text, url, "Show node")
    elif seen and abs(seen.clock_offset_s) >= clocks.AGREE.total_seconds():
        side, clock = "ahead" if seen.clock_offset_s > 0 else "behind", now + timedelta(seconds=seen.clock_offset_s)
        both = clocks.apart(f"{node}'s", clock, "the central node's", now)
        text = f"{both}. Certificates that are good could be refused over it: set the node's time source (NTP)."
        yield Need("orange", f"{node}: clock is {clocks.length(seen.clock_offset_s)} {side}", text, url, "Show node")
    yield from _serving_needs(node, now, url)
    yield from _browser_needs(node, now, url)
    last = Renewal.objects.filter(node=node).first()
    if last and last.status == RenewalStatus.FAILED and last.generation == node.generation:
        yield Need("orange", f"{node}: renewal failed", last.reason, url, "Show node")


def _browser_needs(node: Node, now: datetime, url: str) -> Iterator[Need]:
    told = browser_story(node) if node.browser_thumbprint else None
    if told is not None and told.state == "fallen_back":
        yield Need("orange", f"{node} does not use the certificate chosen for browsers", f"{told.text} {told.remedy}", url, "Show node")
    elif told is not None and told.is_unserved(now):
        text = f"None of {', '.join(told.others)} presents it. Let the proxy load machine/personal/browser.pem again; a reload hook does that by itself."
        yield Need("orange", f"{node}: nothing serves the certificate chosen for browsers", text, url, "Show node")


def _browser_certificate_needs(now: datetime) -> Iterator[Need]:
    """What is chosen somewhere and ends soon: nothing renews it."""
    ending = list(BrowserCertificate.objects.ready().filter(not_after__lt=now + BROWSER_ENDS_SOON).defer("certificates", "private_key"))
    chosen = choosers(ending)
    for each in ending:
        nodes, days = ", ".join(str(node) for node in chosen[str(each.pk)]), each.days_left(now)
        if nodes:
            ended = each.expiry_status(now) == ExpiryStatus.EXPIRED
            title = f"{each}, for browsers: " + ("has expired" if ended else f"ends in {left_words(days)}")
            text = f"Chosen for {nodes}. Upload its successor and choose that: nothing renews it by itself."
            yield Need(
                "red" if days < 7 else "orange", title, text, reverse("browser_certificates:detail", args=[each.pk]), "Show certificate"
            )


def _serving_needs(node: Node, now: datetime, url: str) -> Iterator[Need]:
    for each in still_old(node, now=now):
        text = f"{each.name} {each.words}. What is installed is served only from then on."
        yield Need("orange", f"{node}: {each.name} does not serve what is installed", text, url, "Show node")
    run = hook_run(node)
    if run and run.failed:
        yield Need("orange", f"{node}: the reload hook failed", f"It {run.words}.", url, "Show node")


def _created_needs(created: list[Node]) -> list[Need]:
    if len(created) > MOST_ALIKE:
        url = f"{reverse('nodes:list')}?state={NodeState.CREATED}"
        return [Need("blue", f"{len(created)} nodes are not registered yet", "Register each when its agent runs.", url, "Show nodes")]
    text = "Its certificates are made and sent when you register it."
    return [
        Need("blue", f"{each} is not registered yet", text, reverse("nodes:redistribute", args=[each.pk]), "Register") for each in created
    ]


def _certificate_need(certificate: Certificate, now: datetime) -> Need:
    days, url = certificate.days_left(now), reverse("certs:detail", args=[certificate.pk])
    name, holder = f"{certificate.kind} certificate", certificate.holder or certificate.subject
    of_the_site = certificate.kind in (Kind.ROOT, Kind.CLUSTER)
    if certificate.expiry_status(now) == ExpiryStatus.EXPIRED:
        if certificate.kind == Kind.ROOT:
            text = "Nothing trusts what it issued any more: recreate the root, then every node gets a new password."
            return Need("red", f"{holder}: {name} has expired", text, reverse("recreate_root"), "Recreate the root")
        remedy = "Make a new root." if of_the_site else "Renew or redistribute the node that holds it."
        return Need("red", f"{holder}: {name} has expired", remedy, url, "Show certificate")
    colour, remedy = "red" if days < 30 else "orange", "Make a new root." if of_the_site else "Renew the node that holds it."
    return Need(colour, f"{holder}: {name} ends in {left_words(days)}", remedy, url, "Show certificate")


def _export_need(standing: Standing, now: datetime) -> tuple[str, Need] | None:
    """What an export needs, with its state in a word or two: nothing renews it by itself."""
    export, end, url = standing.export, standing.export.not_after, reverse("exports:renew", args=[standing.export.pk])
    what, text = str(export).capitalize(), standing.trouble
    if text:
        state = ("is refused" if standing.certificates else "could not be made") if standing.alarm else "must be renewed"
        return state, Need("red" if standing.alarm else "orange", f"{what} {state}", text, url, "Renew export")
    if end is None or not standing.ends_soon(now):
        return None
    left = (end - now).total_seconds()
    state, title = ("ends soon", f"{what} ends in {spoken(left)}") if left > 0 else ("has expired", f"{what} has expired")
    text = f"Made by {export.actor}. Renew it, and bring the new files to the machine: nothing renews it by itself."
    return state, Need("red" if left < LAST_WEEK.total_seconds() else "orange", title, text, url, "Renew export")


def _export_needs(now: datetime) -> Iterator[Need]:
    """What is refused, will be, or ends within 30 days; many of one state are one line, so that they hide nothing."""
    found: dict[str, list[Need]] = defaultdict(list)
    standings = export_standings(Export.objects.in_use().defer("archive", "sealed_password"))
    for state, need in filter(None, (_export_need(each, now) for each in standings)):
        found[state].append(need)
    for state, same in found.items():
        if len(same) <= MOST_ALIKE:
            yield from same
        else:
            worst = min(same, key=lambda need: ORDER[need.colour])
            title = f"{len(same)} exports: each {state}"
            yield Need(worst.colour, title, f"{worst.title}: {worst.text}", reverse("exports:list") + "?sort=not_after", "Show exports")


def jump_words(seconds: float) -> str:
    return f"The central node's clock jumped {clocks.length(seconds)} {'ahead' if seconds > 0 else 'back'}"


def _clock_needs(now: datetime) -> Iterator[Need]:
    jump = clock_jump(now=now)
    if jump:
        at, seconds = jump
        text = f"Noticed at {clocks.stamp(at)}: leases and expiry may be wrong. Check its time source (NTP)."
        yield Need("red", jump_words(seconds), text, reverse("clock"), "Look")


def _revocation_needs(nodes: list[Node], now: datetime) -> Iterator[Need]:
    for node, kinds in bereft(nodes):
        text = "Nobody accepts it any more. Redistribute it: a renewal could not reach it."
        yield Need(
            "red", f"{node}: {' and '.join(kinds)} certificate revoked", text, reverse("nodes:redistribute", args=[node.pk]), "Redistribute"
        )
    for stale in lists_stale(now=now):
        text = (
            f"It should have been signed anew by {stale.next_update:%Y-%m-%d %H:%M} UTC. Nodes honour it as before; programs that check strictly refuse "
            "every certificate of this root. See that the worker runs, and read its log."
        )
        url = reverse("certs:detail", args=[stale.root_id])
        yield Need("orange", f"The revocation list of {stale.root.subject} is overdue", text, url, "Show list")


def _backup_needs(nodes: list[Node], now: datetime) -> Iterator[Need]:
    last = PeriodicWork.objects.filter(name=VERIFIED).first()
    made_at, why = (last.last_success, last.last_error.partition(": ")[2]) if last else (None, "")
    if why:
        title = "The last backup did not pass its trial"
    elif made_at and now - made_at > BACKUP_PATIENCE:
        title = f"The last verified backup is {spoken((now - made_at).total_seconds())} old"
    elif made_at is None and any(not node.is_central for node in nodes):
        title = "There is no verified backup"
    else:
        return
    text = f"{why} On the central node run manage.py backup FILE --verify, and keep FILE on another machine."
    yield Need("orange", title, text.strip(), reverse("overview"), "Look again")


def _due_need(due: Due, now: datetime) -> Need:
    """Certificates that should have been renewed by themselves: louder the longer it lasts and the nearer their end."""
    late, left = now - due.since, due.not_after - now
    last = Renewal.objects.filter(node=due.node).exclude(status=RenewalStatus.PROVED).first()
    why = trouble(due.node, last, now) or (last.reason if last else "") or "It is tried again every hour; the jobs say what happens."
    title = (
        f"{due.node}: due for renewal since {spoken(late.total_seconds())}, its certificates end in {spoken(max(left.total_seconds(), 0))}"
    )
    colour = "red" if left < LAST_DAYS or late > VERY_LATE else "orange"
    return Need(colour, title, why, reverse("nodes:detail", args=[due.node.pk]), "Show node")


def _rotation_needs(now: datetime) -> Iterator[Need]:
    rotation = Rotation.objects.select_related("from_root", "to_root").filter(under_way=True).first()
    of_the_root = rotation is not None and rotation.kind == Rotation.Kind.ROOT
    if not of_the_root and root_is_due(root := issuing_root(), now) and (rotation is not None or not rotates_next(now)):
        title = f"{root.subject} is past half its life and ends in {spoken(max((root.not_after - now).total_seconds(), 0))}"
        text = "Replacing it takes minutes and stops nothing. " + ("It waits for the rotation of the database key." if rotation else "")
        colour = "red" if root.expiry_status(now) != ExpiryStatus.VALID else "orange"
        yield Need(colour, title, text.strip(), reverse("roots:rotate"), "New root")
    if rotation is None:
        return
    told = root_rotation_story(rotation, now=now) if of_the_root else key_rotation_story(rotation, now=now)
    url, what = reverse("roots:show" if of_the_root else "database_key:show"), "root" if of_the_root else "database key"
    if rotation.problem:
        yield Need("red", f"The rotation of the {what} does not go on", rotation.problem, url, "Show rotation")
    for each in told["waits"]:
        if each.trouble:
            yield Need("orange", f"The rotation of the {what} waits for {each.node}", each.trouble, url, "Show rotation")


def _cluster_needs() -> Iterator[Need]:
    if not site_answer(zone_current()).required:
        return
    standing = manual_standing()
    if standing.todo:
        title = f"{len(standing.todo)} of {len(standing.registered)} nodes need the QlikServiceCluster certificate by hand"
        yield Need("orange", title, standing.answer.reason, reverse("cluster:manual"), "Configure")


def _trust_zone_needs(now: datetime) -> list[Need]:
    try:
        overdue = [_due_need(each, now) for each in renewals_due(now=now) if now - each.since > timedelta(days=1)]
        found = [*overdue, *_rotation_needs(now), *_cluster_needs()]
        clock_believed(now=now)
        return found
    except ClockDoubtful as exc:
        return [*found, Need("red", "Nothing is renewed by itself", str(exc), reverse("overview"), "Look again")]
    except ZoneBroken as exc:
        return [Need("red", "Nothing can be issued", str(exc), reverse("roots:show"), "Root")]


def needs(now: datetime) -> list[Need]:
    """What waits for a person, the worst first."""
    nodes = list(Node.objects.present().select_related("observation"))
    found = [need for node in nodes for need in _node_needs(node, now)]
    found += _created_needs([node for node in nodes if node.state == NodeState.CREATED])
    soon = Certificate.objects.issued().besides_exports().filter(not_after__lt=now + timedelta(days=90))
    found += [_certificate_need(each, now) for each in soon if each.expiry_status(now) in (ExpiryStatus.EXPIRING, ExpiryStatus.EXPIRED)]
    for each in running(now):
        if each.trouble:
            text = "See that the worker and beat processes run, and read their log."
            found.append(Need("red", f"{each.label}: {each.trouble}", text, reverse("overview"), "Look again"))
    found += [*_clock_needs(now), *_revocation_needs(nodes, now), *_browser_certificate_needs(now), *_export_needs(now)]
    found += _backup_needs(nodes, now)
    if TrustZone.objects.current() is not None:
        found += _trust_zone_needs(now)
    return sorted(found, key=lambda need: ORDER[need.colour])


def overview(now: datetime) -> dict[str, Any]:
    """All that the overview shows."""
    nodes, issued = Node.objects.present(), Certificate.objects.issued()
    root = next(iter(roots_in_force()), None)
    return {
        "now": now, "zone": TrustZone.objects.current(), "needs": needs(now), "running": running(now), "root": root,
        "nodes": nodes.count(), "registered": nodes.filter(state=NodeState.REGISTERED).count(), "certificates": issued.count(),
        "failed": nodes.filter(state=NodeState.FAILED).count(), "awaiting": nodes.filter(state=NodeState.AWAITING_PASSWORD).count(),
        "others": nodes.filter(is_central=False).count(), "next": issued.order_by("not_after", "id").first(),
        "under_way": Job.objects.unfinished()[:5], "backup": PeriodicWork.objects.filter(name=VERIFIED).first(),
    }  # fmt: skip
