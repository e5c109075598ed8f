"""Nudges: the central node asks nodes to call now, because something waits for them.

A nudge has no content, and a lost one costs only time: a node that cannot be dialed gets everything at its own next call.
"""

import functools
import hashlib
import json
import logging
import operator
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from agent import tls
from certs.models import Certificate
from certs.revocation.lists import trust_in_force
from jobs.leases import waits_too_long
from nodes.addresses.services import central_addresses, netlocs
from nodes.dial.services import call_now
from nodes.inventory.counts import regular_interval_now
from nodes.models import Node, Nudge, SiteNudge
from pki.core.roles import Kind
from pki.exchange.readers import MOST_NUDGING
from sealing.local_keys import own_store

log = logging.getLogger(__name__)
AT_ONCE, BATCH, TURN_S = 16, 32, 5  # connections; nodes between two looks at the database; seconds of one run
# The limit that follows the load: a center that answers calls slowly sends fewer nudges.
MOST_OUTSTANDING, OUTSTANDING = 100, timedelta(seconds=10)
BACK_OFF = timedelta(minutes=10)  # after a node was not reached, and until a nudge that was not sent is forgotten
SETTLED = timedelta(seconds=2)  # a call this long after a change was recorded has seen the change
SOON_S = 5  # nodes that call at least this often are not nudged


def nudging_certificates() -> tuple[str, ...]:
    """The SHA-256 of the client certificates with which the central node nudges: the one that it uses and, during a renewal, the next one."""
    central = Node.objects.filter(is_central=True).values("pk")
    own = Certificate.objects.issued().filter(kind=Kind.CLIENT, holder_id__in=central).order_by("-generation")
    return tuple(own.values_list("sha256", flat=True)[:MOST_NUDGING])


def _in_order(nodes: Iterable[Node]) -> list[Node]:
    """Transactions lock the rows of several nodes in this order."""
    return sorted(nodes, key=lambda node: node.pk)


def nodes_nudge(nodes: Iterable[Node], *, now: datetime) -> None:
    """Record that something waits for these nodes. A worker nudges them after the caller's transaction, which calls this before its first `record`."""
    Nudge.objects.bulk_create(
        [Nudge(node_id=node.pk, asked_at=now) for node in _in_order(nodes)],
        update_conflicts=True,
        unique_fields=["node"],
        update_fields=["asked_at"],
    )


def site_nudge(*, now: datetime) -> None:
    """Nudge every node if roots, revocation lists or the addresses of the central node have changed. One small row, however many nodes there are.

    Raises: ZoneMissing.
    """
    trusted = trust_in_force()
    content = [sorted(trusted.items()), netlocs(central_addresses())]
    digest = hashlib.sha256(json.dumps(content).encode()).hexdigest()
    row, made = SiteNudge.objects.get_or_create(defaults={"digest": digest})
    # A new root gets its first list in a moment. Nodes are asked once for both.
    if not made and row.digest != digest and 0 not in trusted.values():
        SiteNudge.objects.filter(digest=row.digest).update(digest=digest, asked_at=now)


def _dialable(now: datetime) -> QuerySet[Node]:
    """The nodes that can be dialed, as far as is known, in no order. Silent nodes are not dialed: their agents probably do not run."""
    failed = Q(nudge__reached=False, nudge__dialed_at__gt=now - BACK_OFF)
    return (
        Node.objects.present()
        .filter(~failed, is_central=False, registered_at__isnull=False, observation__listening=True, observation__silent_at__gt=now)
        .order_by()
    )


def nodes_waiting(*, now: datetime) -> QuerySet[Node]:
    """The nodes to nudge: those for which something waits, and then all that have not called since the site changed."""
    # A subquery, so that SQLite begins with the few nudges and not with all nodes that call.
    asked = Nudge.objects.exclude(asked_at=None).values("node")
    one = _dialable(now).filter(pk__in=asked, observation__last_seen_at__lt=F("nudge__asked_at") + SETTLED)
    site = SiteNudge.objects.exclude(asked_at=None).first()
    if site is None or site.asked_at is None or one.exists():
        return one
    uninformed = _dialable(now).filter(observation__last_seen_at__lt=site.asked_at + SETTLED)
    return uninformed.exclude(nudge__dialed_at__gte=site.asked_at)


def _forget_old(now: datetime) -> None:
    for model in (Nudge, SiteNudge):
        model._default_manager.filter(waits_too_long("asked_at", now, BACK_OFF)).update(asked_at=None)


def outstanding(*, now: datetime) -> int:
    """How many nodes were asked in the last seconds and have not called yet."""
    asked = Nudge.objects.filter(reached=True, dialed_at__gt=now - OUTSTANDING)
    return asked.filter(node__observation__last_seen_at__lt=F("dialed_at")).count()


def _record(dialed: list[Node], reached: list[bool], now: datetime) -> None:
    """Record when nodes were dialed. What was asked for meanwhile keeps waiting."""
    rows = [Nudge(node_id=node.pk, dialed_at=now, reached=answered) for node, answered in zip(dialed, reached, strict=True)]
    asked = [Q(node=node, asked_at=node.nudge.asked_at) for node in dialed if hasattr(node, "nudge") and node.nudge.asked_at]
    with transaction.atomic():
        Nudge.objects.bulk_create(rows, update_conflicts=True, unique_fields=["node"], update_fields=["dialed_at", "reached"])
        if asked:
            Nudge.objects.filter(functools.reduce(operator.or_, asked)).update(asked_at=None)


def nudges_send() -> None:
    """Nudge the nodes that wait, for a few seconds or until the center has enough calls to answer. Runs in a worker of the central node.

    Raises: ZoneMissing, ZoneBroken.
    """
    until, now = time.monotonic() + TURN_S, timezone.now()
    site_nudge(now=now)
    _forget_old(now)
    if not nodes_waiting(now=now).exists() or regular_interval_now() <= SOON_S:
        SiteNudge.objects.exclude(asked_at=None).update(asked_at=None)
        return
    own = own_store()
    if not Node.objects.filter(pk=own.node, is_central=True).exists():
        return  # nodes accept nudges of the central node's own client certificates only
    context = tls.client_context(own)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        while time.monotonic() < until:
            now = timezone.now()
            room = min(BATCH, MOST_OUTSTANDING - outstanding(now=now))
            batch = _in_order(nodes_waiting(now=now).select_related("nudge")[: max(room, 0)])
            if not batch:
                return
            reached = list(pool.map(lambda node: call_now(node, context), batch))
            _record(batch, reached, now)
            log.info("asked nodes to call now: %s reached, %s not", reached.count(True), reached.count(False))
