"""The expiry board: everything that can expire, what will happen to it, and whose it is. No HTTP."""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.models import F
from django.urls import reverse
from django.utils.dateparse import parse_date, parse_datetime

from audit.actors import Actor
from backups.backup import BACKUP_PATIENCE, VERIFIED
from certs.certificates.issuer import roots_in_force
from certs.exports.status import export_standings
from certs.lifetime.renewal_forecast import Standing, holders_due, leaf_due, zone_standing
from certs.models import Certificate, Export
from certs.zone.services import zone_current
from jobs.models import PeriodicWork
from nodes.browser_certificates.view_models import choosers
from nodes.inventory.view_models import PASSWORD_LASTS, setup_url
from nodes.models import BrowserCertificate, Node, Registration, Renewal
from people.models import ApiToken
from pki.core import lifetime
from pki.core.roles import Kind
from qmc.expiry.wording import Happens, Outlook, by_hand, by_itself, leaf_outlook, list_outlook, node_outlook, root_outlook
from web.templatetags.console import left_words, spoken

# Each kind in the order of the picture, and as a word.
KINDS = {
    "root": "root", "service": "service", "client": "client", "cluster": "cluster", "server": "browser-facing",
    "revocation_list": "revocation list", "export": "export", "registration_password": "registration password", "token": "API token", "backup": "verified backup",
}  # fmt: skip
CERTIFICATES = frozenset({"root", "service", "client", "cluster", "server"})
FARTHEST_YEARS = 100
FORGOTTEN = timedelta(days=90)
BACK_UP = "On the central node run manage.py backup FILE --verify, and keep FILE on another machine."
Nodes = dict[uuid.UUID | None, Node]


@dataclass(frozen=True)
class Row:
    """One thing with an end, as seen on `as_of`."""

    id: str | None
    kind: str
    subject: str
    holder: str
    owner: str
    not_before: datetime
    not_after: datetime
    outlook: Outlook
    url: str
    now: datetime
    as_of: datetime

    @property
    def days_left(self) -> int:
        return lifetime.days_left(self.not_after, self.as_of)

    @property
    def distance(self) -> str:
        """How far the end is, in words."""
        seconds = (self.not_after - self.as_of).total_seconds()
        if seconds < 0:
            return f"{spoken(-seconds)} {'before' if self.as_of > self.now else 'ago'}"
        return f"in {left_words(self.days_left) if self.days_left else spoken(seconds)}"

    @property
    def left(self) -> str:
        """What is left, in words."""
        if self.not_after < self.as_of:
            return f"expired {self.distance}"
        return left_words(self.days_left) if self.days_left else spoken((self.not_after - self.as_of).total_seconds())

    @property
    def thing(self) -> str:
        """As the subject of a sentence."""
        if self.kind == "server":
            return f"the browser certificate {self.subject}"
        if self.kind in CERTIFICATES:
            return f"the {self.kind_word} certificate of {self.owner}"
        words = {
            "revocation_list": f"the revocation list of {self.owner}",
            "token": f"the API token {self.subject}",
            "export": f"the export {self.subject}",
        }
        return words.get(self.kind, f"the {self.subject}")

    @property
    def expiry_status(self) -> str:
        return lifetime.expiry_status(self.not_before, self.not_after, self.as_of).value

    @property
    def bucket(self) -> str:
        return lifetime.bucket(self.not_after, self.as_of)

    @property
    def kind_word(self) -> str:
        return KINDS[self.kind]

    @property
    def what_happens(self) -> str:
        return self.outlook.happens.value

    @property
    def needs_a_hand(self) -> bool:
        return self.outlook.happens == Happens.BY_HAND

    @property
    def matters(self) -> bool:
        """Whether something stops when it expires."""
        return self.needs_a_hand or (self.kind in CERTIFICATES and bool(self.holder))

    @property
    def due_at(self) -> datetime | None:
        return self.outlook.due_at

    @property
    def acts_at(self) -> datetime:
        """When something has to happen: when it is due, or its end."""
        return self.due_at or self.not_after

    @property
    def before(self) -> bool:
        """Whether that lies before the day that is looked from, which is still to come."""
        return self.now < self.as_of and self.acts_at <= self.as_of

    @property
    def replaced(self) -> bool:
        """Whether it will have been replaced by itself before that day."""
        return self.before and not self.needs_a_hand

    @property
    def explanation(self) -> str:
        if self.before:
            return f"{'Due' if self.due_at else 'Ends'} before this day. {self.outlook.text}"
        if self.due_at and self.due_at <= self.now:
            return f"Due now. {self.outlook.text}"
        return self.outlook.text

    def has(self, text: str) -> bool:
        """Whether a search for `text` finds it."""
        return text.casefold() in " ".join((self.kind_word, self.subject, self.holder, self.owner)).casefold()


@dataclass(frozen=True)
class Endless:
    """What could expire and has no end that could be named."""

    id: str | None
    kind: str
    subject: str
    owner: str
    explanation: str
    needs_a_hand: bool = False

    @property
    def kind_word(self) -> str:
        return KINDS[self.kind]


@dataclass(frozen=True)
class Board:
    """The rows, soonest first, and beside them what has no end."""

    now: datetime
    as_of: datetime
    rows: list[Row]
    without_end: list[Endless]

    @property
    def totals(self) -> dict[str, int]:
        counts = dict.fromkeys(lifetime.BUCKET_NAMES, 0)
        for row in self.rows:
            counts[row.bucket] += 1
        return counts

    @property
    def next(self) -> Row | None:
        """What expires next and matters: of a browser certificate that no node has chosen, or a list that is signed each day, nobody need know."""
        return next((row for row in self.rows if row.matters), None)

    @property
    def root(self) -> Row | None:
        """The root that expires first."""
        return next((row for row in self.rows if row.kind == Kind.ROOT), None)

    def waiting(self, bucket: str) -> int:
        """How many of a bucket need a hand."""
        return sum(row.needs_a_hand for row in self.rows if row.bucket == bucket)


def farthest(now: datetime) -> datetime:
    return lifetime.add_months(now, 12 * FARTHEST_YEARS)


def as_of_read(text: str, *, now: datetime) -> datetime:
    """A day (its first second, UTC; today: now) or an RFC 3339 time. Raises: ValueError with what to give instead."""
    wanted = "Give a day such as 2028-03-01, or a time such as 2028-03-01T12:00:00Z (in an address + is written %2B)"
    try:
        day = parse_date(text)
        moment = datetime(day.year, day.month, day.day, tzinfo=UTC) if day else parse_datetime(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise ValueError(f"{text[:40]!r} is neither a day nor a time with its zone. {wanted}.")
    try:
        moment = moment.astimezone(UTC)
    except OverflowError:
        moment = datetime.max.replace(tzinfo=UTC)
    if not now - timedelta(days=1) <= moment <= farthest(now):
        raise ValueError(f"The board looks ahead, from today to {farthest(now):%Y-%m-%d}; {text[:40]} is not within. {wanted}.")
    return max(now, moment)


def _certificates(standing: Standing, nodes: Nodes, zone_name: str, now: datetime) -> Iterator[dict[str, Any]]:
    last = Renewal.objects.filter(generation=F("node__generation")).defer("package")
    renewals = {each.node_id: each for each in last}
    not_needed = ("der", "sealed_private_key", "encrypted_private_key", "issuer__der", "issuer__encrypted_private_key")
    issued = list(Certificate.objects.issued().besides_exports().select_related("issuer").defer(*not_needed))
    due = holders_due(issued, standing)

    def outlook(each: Certificate, node: Node | None) -> Outlook:
        if each.kind == Kind.ROOT:
            return root_outlook(each, standing, now=now)
        if each.kind == Kind.CLUSTER:
            return leaf_outlook(each, leaf_due(each, standing), standing, who="", now=now)
        if node is None:
            return by_hand("No node of this site holds it, so nothing renews it.")
        return node_outlook(each, node, renewals.get(node.pk), due.get(node.pk), standing, now=now)

    for each in issued:
        node = nodes.get(each.holder_id)
        owner = zone_name if each.kind in (Kind.ROOT, Kind.CLUSTER) else str(node or each.holder)
        answers_here = node is not None and node.is_central and each.kind == Kind.SERVICE
        yield {
            "id": str(each.pk), "kind": each.kind, "subject": each.subject, "holder": each.holder, "outlook": outlook(each, node),
            "owner": f"{owner}, and this console" if answers_here else owner, "not_before": each.not_before, "not_after": each.not_after,
            "url": reverse("certs:detail", args=[each.pk]),
        }  # fmt: skip


def _browser_certificates() -> Iterator[dict[str, Any]]:
    ready = list(BrowserCertificate.objects.ready().defer("certificates", "private_key", "csr"))
    chosen = choosers(ready)
    for each in ready:
        nodes = chosen[str(each.pk)]
        here = ["this console"] if any(node.is_central for node in nodes) else []
        text = "Another authority made it, so nothing renews it. Upload its successor, and choose that where this one is chosen."
        yield {
            "id": str(each.pk), "kind": "server", "subject": str(each), "holder": ", ".join(str(node) for node in nodes),
            "owner": ", ".join([*(str(node) for node in nodes), *here]) or "chosen for no node",
            "outlook": by_hand(text) if nodes else by_itself("No node has chosen it, so nothing happens with its end."),
            "not_before": each.not_before, "not_after": each.not_after, "url": reverse("browser_certificates:detail", args=[each.pk]),
        }  # fmt: skip


def _lists(nodes: Nodes, zone_name: str, now: datetime) -> Iterator[dict[str, Any]]:
    for root in roots_in_force():
        if newest := root.revocation_lists.signed().defer("der").first():
            yield {
                "id": str(newest.pk), "kind": "revocation_list", "subject": f"{root.subject}, list {newest.number}", "holder": root.holder,
                "owner": zone_name, "outlook": list_outlook(newest, list(nodes.values()), now=now), "not_before": newest.this_update,
                "not_after": newest.next_update, "url": reverse("certs:detail", args=[root.pk]),
            }  # fmt: skip


def _exports() -> Iterator[dict[str, Any]]:
    """One row for each, with the soonest end of what it holds."""
    for each in export_standings(Export.objects.in_use().exclude(made_generation=0).defer("archive", "sealed_password")):
        export, renew = each.export, "Nothing renews it by itself: renew it, and bring the new files to the machine."
        yield {
            "id": str(export.pk), "kind": "export", "subject": export.machine, "holder": export.machine, "owner": export.actor,
            "outlook": by_hand(each.trouble or renew), "not_before": export.made_at, "not_after": export.not_after,
            "url": reverse("exports:detail", args=[export.pk]),
        }  # fmt: skip


def _passwords(nodes: Nodes) -> Iterator[dict[str, Any]]:
    waiting = {pk: node for pk, node in nodes.items() if node.state in PASSWORD_LASTS}
    for each in Registration.objects.filter(node__in=waiting).defer("package", "sealed_password"):
        node = waiting[each.node_id]
        if each.generation == node.generation:
            yield {
                "id": str(each.pk), "kind": "registration_password", "subject": f"password of {node}", "holder": str(node), "owner": each.actor,
                "outlook": by_hand(f"Type it on that machine at {setup_url(node)}, or redistribute the node for another password."),
                "not_before": each.created_at, "not_after": each.expires_at, "url": reverse("nodes:detail", args=[node.pk]),
            }  # fmt: skip


def _tokens(now: datetime) -> Iterator[dict[str, Any]]:
    """Those that expire; what ended more than 90 days ago is forgotten."""
    made = ApiToken.objects.select_related("user").filter(user__is_active=True, expires_at__gte=now - FORGOTTEN)
    for each in made:
        user = each.user.get_username()
        text = f"Make another with manage.py create_token {user} --name NAME --days N, and give it to what uses this one."
        yield {
            "id": str(each.pk), "kind": "token", "subject": each.name, "holder": user, "owner": user, "outlook": by_hand(text),
            "not_before": each.created_at, "not_after": each.expires_at, "url": "",
        }  # fmt: skip


def _backup(zone_name: str) -> Iterator[dict[str, Any]]:
    made_at = PeriodicWork.objects.filter(name=VERIFIED, last_success__isnull=False).values_list("last_success", flat=True).first()
    if made_at:
        text = f"It proves what it held on {made_at:%Y-%m-%d %H:%M} UTC, and is old after {BACKUP_PATIENCE.days} days. {BACK_UP}"
        yield {
            "id": None, "kind": "backup", "subject": "last verified backup", "holder": zone_name, "owner": zone_name, "outlook": by_hand(text),
            "not_before": made_at, "not_after": made_at + BACKUP_PATIENCE, "url": "",
        }  # fmt: skip


def _endless(actor: Actor, zone_name: str, kinds: set[str], nodes: Nodes) -> Iterator[Endless]:
    if actor.has_perm("people.view_apitoken"):
        for each in ApiToken.objects.select_related("user").filter(user__is_active=True, expires_at=None).order_by("name", "id"):
            user = each.user.get_username()
            yield Endless(str(each.pk), "token", each.name, user, "Never expires: it is good until it is deleted.")
    if "revocation_list" not in kinds:
        yield Endless(None, "revocation_list", "no list yet", zone_name, "The first one is signed by a worker, by itself.")
    if "backup" not in kinds:
        yield Endless(None, "backup", "no verified backup yet", zone_name, BACK_UP, any(not each.is_central for each in nodes.values()))


def expiry_board(*, actor: Actor, as_of: datetime, now: datetime) -> Board:
    """Everything with an end as it stands `now`, seen from `as_of`; passwords and tokens for who may see them. Raises: PermissionRefused, ZoneMissing."""
    actor.require("certs.view_certificate")
    zone = zone_current()
    nodes: Nodes = {node.pk: node for node in Node.objects.present().select_related("observation")}
    found = [*_certificates(zone_standing(zone), nodes, zone.name, now), *_lists(nodes, zone.name, now), *_backup(zone.name)]
    if actor.has_perm("certs.view_export"):
        found += _exports()
    if actor.has_perm("nodes.view_node"):
        found += _passwords(nodes)
    if actor.has_perm("nodes.view_browsercertificate"):
        found += _browser_certificates()
    if actor.has_perm("people.view_apitoken"):
        found += _tokens(now)
    rows = sorted((Row(**each, now=now, as_of=as_of) for each in found), key=lambda row: (row.not_after, row.owner, row.kind, row.id or ""))
    return Board(now, as_of, rows, list(_endless(actor, zone.name, {row.kind for row in rows}, nodes)))
