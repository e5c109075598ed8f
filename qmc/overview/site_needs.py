"""What the site itself needs from a person: roots, certificates, exports, revocation lists, backups, clock, periodic work."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.urls import reverse

from attention.needs import RANK, Need, Severity
from backups.backup import BACKUP_PATIENCE, VERIFIED
from certs.central_key.services import central_keys_proved
from certs.certificates.issuer import issuing_root
from certs.errors import ClockDoubtful
from certs.exports.status import Standing, export_standings
from certs.models import CentralKey, Certificate, Export, Rotation, TrustZone
from certs.revocation.lists import lists_stale
from jobs.clock import clock_jump
from jobs.models import PeriodicWork
from jobs.registry import periodic_tasks
from nodes.automatic.services import renewals_due, root_is_due, rotates_next
from nodes.central.blocked_reason import central_trouble, signing_trouble
from nodes.models import Node
from nodes.observation.clock_doubt import clock_believed
from nodes.rotations.database_key_view_models import rotation_story as key_rotation_story
from nodes.rotations.root_view_models import rotation_story as root_rotation_story
from nodes.rotations.services import blocked_reason
from pki.core import clocks
from pki.core.lifetime import ExpiryStatus
from pki.core.roles import Kind
from qmc.overview.node_needs import MOST_ALIKE, cluster_needs, overdue_need
from sealing.central_key_file import WAY_OUT
from sealing.errors import ZoneBroken
from web.templatetags.console import left_words, spoken

SHOWN_AHEAD, LAST_WEEK = timedelta(days=90), timedelta(days=7)
OVERDUE_AFTER, SEALING_PATIENCE = timedelta(days=1), timedelta(hours=1)
LIFE = frozenset(
    {"renewal-overdue", "node-renewal-failed", "node-registration-stuck", "rotation-waits", "rotation-blocked", "revocation-list-overdue"}
)
OF_CENTRAL = frozenset(
    {"node-silent", "no-node-calls", "certificate-expired", "renewal-overdue", "node-renewal-failed", "rotation-waits", "rotation-blocked"}
)
EXPORTS = frozenset({"export-refused", "export-failed", "export-renewal-needed", "export-expiring"})
# An expired root: nobody trusts anything that it issued.
OF_THE_ROOT = LIFE | EXPORTS | {
    "node-silent", "no-node-calls", "certificate-expired", "certificate-expiring", "root-rotation-due", "trust-zone-broken", "central-without-certificates",
}  # fmt: skip


@dataclass(frozen=True)
class Running:
    """One piece of periodic work; `trouble` is empty while it is well."""

    label: str
    last_success: datetime | None
    trouble: str


def running(now: datetime) -> list[Running]:
    """Whether what must always run does."""
    rows = {row.name: row for row in PeriodicWork.objects.all()}
    return [_running(each.label, each.patience, rows.get(each.name), now) for each in periodic_tasks() if each.patience]


def _running(label: str, patience: timedelta, row: PeriodicWork | None, now: datetime) -> Running:
    if row is None or row.last_success is None:
        zone = TrustZone.objects.current()
        starting = zone is not None and zone.founded_at is not None and now - zone.founded_at < patience
        return Running(label, None, (row.last_error if row else "") or ("" if starting else "has not run yet"))
    overdue = "overdue" if now - row.last_success > patience else ""
    return Running(label, row.last_success, row.last_error or overdue)


def site_needs(nodes: list[Node], now: datetime) -> Iterator[Need]:
    """Every need of the site itself."""
    soon = Certificate.objects.issued().besides_exports().filter(not_after__lt=now + SHOWN_AHEAD)
    yield from (_certificate(each, now) for each in soon if each.expiry_status(now) in (ExpiryStatus.EXPIRING, ExpiryStatus.EXPIRED))
    yield from _central(nodes, now)
    yield from _not_running(now)
    yield from _clock(now)
    yield from _lists(now)
    yield from _exports(now)
    yield from _backup(nodes, now)
    yield from _central_key(now)
    if TrustZone.objects.current() is not None:
        yield from _trust_zone(now)


def _certificate(certificate: Certificate, now: datetime) -> Need:
    days, url = certificate.days_left(now), reverse("certs:detail", args=[certificate.pk])
    subject = certificate.holder or certificate.subject
    title, of_the_site = f"{subject}: {certificate.kind} certificate", certificate.kind in (Kind.ROOT, Kind.CLUSTER)
    if certificate.expiry_status(now) != ExpiryStatus.EXPIRED:
        severity, remedy = (
            Severity.CRITICAL if days < 30 else Severity.WARNING,
            "Make a new root." if of_the_site else "Renew the node that holds it.",
        )
        text = f"It expires at {clocks.stamp(certificate.not_after)}."
        return Need("certificate-expiring", severity, subject, f"{title} ends in {left_words(days)}", text, remedy, url, "Show certificate")
    if certificate.kind == Kind.ROOT:
        return Need(
            "root-expired", Severity.CRITICAL, subject, f"{title} has expired", "Nothing trusts what it issued any more.",
            "Recreate the root; every node then gets a new password.", reverse("recreate_root"), "Recreate the root",
            certificate.not_after, explains=OF_THE_ROOT,
        )  # fmt: skip
    remedy, text = "Make a new root." if of_the_site else "Renew or redistribute the node that holds it.", "Nobody accepts it any more."
    if certificate.kind == Kind.CLIENT:
        remedy = "Redistribute the node that holds it: the node cannot call for a renewal."
    return Need(
        "certificate-expired",
        Severity.CRITICAL,
        subject,
        f"{title} has expired",
        text,
        remedy,
        url,
        "Show certificate",
        certificate.not_after,
    )


def _central(nodes: list[Node], now: datetime) -> Iterator[Need]:
    """The central node has no valid certificates, so every call between it and the nodes is refused."""
    for central in (node for node in nodes if node.is_central):
        if trouble := central_trouble(now=now):
            remedy = signing_trouble(now=now) or "On the central node run manage.py repair_central. No other node is touched."
            yield Need(
                "central-without-certificates", Severity.CRITICAL, str(central), "The central node has no valid certificates",
                f"{trouble} The nodes and the central node refuse each other's calls.", remedy, reverse("nodes:detail", args=[central.pk]),
                "Show node", explains=OF_CENTRAL,
            )  # fmt: skip


def _not_running(now: datetime) -> Iterator[Need]:
    for each in running(now):
        if each.trouble:
            remedy = "Check that the worker and beat processes run, and read their logs."
            text = "Without it, registrations, renewals and revocation lists are not worked on."
            yield Need(
                "work-not-running",
                Severity.CRITICAL,
                each.label,
                f"{each.label}: {each.trouble}",
                text,
                remedy,
                reverse("overview"),
                "Check again",
                each.last_success,
                explains=LIFE,
            )


def jump_words(seconds: float) -> str:
    return f"The central node's clock jumped {clocks.length(seconds)} {'ahead' if seconds > 0 else 'back'}"


def _clock(now: datetime) -> Iterator[Need]:
    jump = clock_jump(now=now)
    if jump:
        at, seconds = jump
        text = f"Noticed at {clocks.stamp(at)}. Leases and expiry may be wrong."
        explains = frozenset({"node-clock-off", "renewal-overdue", "clock-doubtful"})
        yield Need(
            "clock-jumped",
            Severity.CRITICAL,
            "central",
            jump_words(seconds),
            text,
            "Check its time source (NTP).",
            reverse("clock"),
            "Check the clock",
            at,
            explains,
        )


def _lists(now: datetime) -> Iterator[Need]:
    for stale in lists_stale(now=now):
        yield Need(
            "revocation-list-overdue", Severity.WARNING, stale.root.subject, f"The revocation list of {stale.root.subject} is overdue",
            f"It should have been signed again by {stale.next_update:%Y-%m-%d %H:%M} UTC. Nodes use it as before; programs that check strictly "
            "refuse every certificate of this root.",
            "Check that the worker runs, and read its log.", reverse("certs:detail", args=[stale.root_id]), "Show list", stale.next_update,
        )  # fmt: skip


def _export(standing: Standing, now: datetime) -> tuple[str, Need] | None:
    """What an export needs, with its state in a word or two: its renewal is never automatic."""
    export, end, url = standing.export, standing.export.not_after, reverse("exports:renew", args=[standing.export.pk])
    what, remedy = str(export).capitalize(), "Renew the export, and bring the new files to the machine."
    if standing.trouble:
        state = ("is refused" if standing.certificates else "could not be made") if standing.alarm else "must be renewed"
        code = {"is refused": "export-refused", "could not be made": "export-failed"}.get(state, "export-renewal-needed")
        severity = Severity.CRITICAL if standing.alarm else Severity.WARNING
        return state, Need(
            code,
            severity,
            export.machine,
            f"{what} {state}",
            standing.trouble,
            "Bring the new files to the machine.",
            url,
            "Renew export",
            export.status_since,
        )
    if end is None or not standing.ends_soon(now):
        return None
    left = (end - now).total_seconds()
    state, title = ("ends soon", f"{what} ends in {spoken(left)}") if left > 0 else ("has expired", f"{what} has expired")
    severity, text = (
        Severity.CRITICAL if left < LAST_WEEK.total_seconds() else Severity.WARNING,
        f"Made by {export.actor}. Its renewal is not automatic.",
    )
    return state, Need("export-expiring", severity, export.machine, title, text, remedy, url, "Renew export", end if left <= 0 else None)


def _exports(now: datetime) -> Iterator[Need]:
    """What is refused, will be, or expires within 30 days; many of one state are one line, so that they hide nothing."""
    found: dict[str, list[Need]] = defaultdict(list)
    standings = export_standings(Export.objects.in_use().defer("archive", "sealed_password"))
    for state, need in filter(None, (_export(each, now) for each in standings)):
        found[state].append(need)
    for state, same in found.items():
        if len(same) <= MOST_ALIKE:
            yield from same
        else:
            worst = min(same, key=lambda need: RANK[need.severity])
            title, url = f"{len(same)} exports: each {state}", reverse("exports:list") + "?sort=not_after"
            yield Need(
                worst.code, worst.severity, "", title, f"{worst.title}: {worst.text}", worst.remedy, url, "Show exports", worst.since
            )


def _backup(nodes: list[Node], now: datetime) -> Iterator[Need]:
    last = PeriodicWork.objects.filter(name=VERIFIED).first()
    made_at, why = (last.last_success, last.last_error.partition(": ")[2]) if last else (None, "")
    if why:
        code, title = "backup-failed", "The last backup did not pass its trial"
    elif made_at and now - made_at > BACKUP_PATIENCE:
        code, title = "backup-old", f"The last verified backup is {spoken((now - made_at).total_seconds())} old"
    elif made_at is None and any(not node.is_central for node in nodes):
        code, title = "backup-missing", "There is no verified backup"
    else:
        return
    remedy = "On the central node run manage.py backup FILE --verify, and keep FILE on another machine."
    text = why or "After a loss of this machine, what has changed since could not be restored."
    yield Need(code, Severity.WARNING, "backup", title, text, remedy, reverse("overview"), "Check again", made_at)


def _central_key(now: datetime) -> Iterator[Need]:
    version, url = CentralKey.objects.writing(), reverse("database_key:show")
    if version is None:
        return
    try:
        central_keys_proved()
    except ZoneBroken as exc:
        text, remedy = str(exc).removesuffix(WAY_OUT).strip(), WAY_OUT
        yield Need(
            "central-key-unusable", Severity.CRITICAL, "central key", "The central key cannot be used", text, remedy, url, "Show key"
        )
        return
    if version.finished_at or not (version.problem or now - version.created_at > SEALING_PATIENCE):
        return
    text = version.problem or f"It began {spoken((now - version.created_at).total_seconds())} ago and has not finished."
    remedy = (
        "It is tried again. Remove the cause that the page names." if version.problem else "Check that the worker runs, and read its log."
    )
    title = "Sealing with the central key does not go on"
    yield Need("resealing-blocked", Severity.CRITICAL, "central key", title, text, remedy, url, "Show key", version.created_at)


def _trust_zone(now: datetime) -> Iterator[Need]:
    try:
        yield from [overdue_need(each, now) for each in renewals_due(now=now) if now - each.since > OVERDUE_AFTER]
        yield from _rotation(now)
        yield from cluster_needs()
        clock_believed(now=now)
    except ClockDoubtful as exc:
        explains = frozenset({"node-clock-off", "renewal-overdue"})
        yield Need(
            "clock-doubtful",
            Severity.CRITICAL,
            "central",
            "Automatic renewal is paused",
            str(exc),
            "Set the time source (NTP) of the central node.",
            reverse("overview"),
            "Check again",
            explains=explains,
        )
    except ZoneBroken as exc:
        yield Need(
            "trust-zone-broken",
            Severity.CRITICAL,
            "central",
            "Nothing can be issued",
            str(exc),
            "Open the root's page, and follow what it says.",
            reverse("roots:show"),
            "Root",
            explains=LIFE,
        )


def _rotation(now: datetime) -> Iterator[Need]:
    rotation = Rotation.objects.select_related("from_root", "to_root").filter(under_way=True).first()
    of_the_root = rotation is not None and rotation.kind == Rotation.Kind.ROOT
    if not of_the_root and root_is_due(root := issuing_root(), now) and (rotation is not None or not rotates_next(now)):
        title = f"{root.subject} is past half its life and ends in {spoken(max((root.not_after - now).total_seconds(), 0))}"
        blocked = blocked_reason(Rotation.Kind.ROOT, now=now)
        text = f"A new root cannot be made now: {blocked}" if blocked else "Its rotation is not automatic here."
        remedy = "Wait, or do what is said; then make a new root." if blocked else "Make a new root: that takes minutes and stops no node."
        severity = Severity.CRITICAL if root.expiry_status(now) != ExpiryStatus.VALID else Severity.WARNING
        yield Need(
            "root-rotation-due",
            severity,
            root.subject,
            title,
            text,
            remedy,
            reverse("roots:show" if blocked else "roots:rotate"),
            "Show root" if blocked else "New root",
        )
    if rotation is None:
        return
    told = root_rotation_story(rotation, now=now) if of_the_root else key_rotation_story(rotation, now=now)
    url, what = reverse("roots:show" if of_the_root else "database_key:show"), "root" if of_the_root else "database key"
    if rotation.problem:
        remedy = "Open the rotation's page, and follow what it says."
        yield Need(
            "rotation-blocked",
            Severity.CRITICAL,
            what,
            f"The rotation of the {what} does not go on",
            rotation.problem,
            remedy,
            url,
            "Show rotation",
            rotation.created_at,
        )
    for each in told["waits"]:
        if each.trouble:
            remedy = "Bring the node back, or exclude or decommission it."
            yield Need(
                "rotation-waits",
                Severity.WARNING,
                str(each.node),
                f"The rotation of the {what} waits for {each.node}",
                each.trouble,
                remedy,
                url,
                "Show rotation",
                rotation.created_at,
            )
