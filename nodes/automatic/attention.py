"""The needs of automatic renewal: renewals and rotations that did not happen."""

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import chain

from django.db.models import F, Q
from django.urls import reverse

from attention.needs import Look, Need, Severity, codes_register, needs_register
from certs.certificates.attention import held, of_holders
from certs.certificates.issuer import issuing_root, root_rotation, rotation_under_way
from certs.models import Rotation
from nodes.automatic.services import Due, due_nodes, dues_of, root_is_due, rotates_next
from nodes.inventory.conditions import condition_register
from nodes.models import Node
from nodes.renewal.blocked_reason import blocked_texts, with_blocked
from nodes.rotations.services import blocked_reason
from pki.core import clocks
from pki.core.lifetime import ExpiryStatus
from sealing.errors import ZoneBroken, ZoneMissing

OVERDUE_AFTER = timedelta(days=1)
# An overdue renewal becomes critical in the last days of a certificate, or when it is this late.
LAST_DAYS, VERY_LATE = timedelta(days=30), timedelta(days=7)

codes_register(
    {
        "renewal-overdue": "a renewal is late by a day or more",
        "root-rotation-due": "the root is past half its life, and nothing replaces it automatically",
    }
)


@needs_register
def needs(look: Look) -> Iterator[Need]:
    """Late renewals, and a root past half its lifetime. The room certs.roots reports a broken trust zone."""
    with contextlib.suppress(ZoneMissing, ZoneBroken):
        if overdue := list(look.worst("renewal-overdue")):
            reasons = blocked_texts(with_blocked(Node.objects.filter(pk__in=[node.pk for node in overdue]), now=look.now))
            certificates = chain(*(look.shared(held)[node.pk] for node in overdue))
            for due in dues_of(overdue, now=look.now, known=certificates):
                why = reasons[due.node.pk] or "No attempt has failed yet."
                yield replace(_overdue(due, why, look.now), many=look.many("renewal-overdue"))
        yield from _root_due(look.now)


@condition_register(
    "renewal-overdue", F("observation__last_seen_at").asc(nulls_first=True), "The renewals of {count} nodes are late", varies=True
)
def overdue(now: datetime) -> Q:
    """Nodes whose renewal is late by a day or more. None if nothing can be issued, which another need reports."""
    try:
        return due_nodes(since=now - OVERDUE_AFTER, now=now)
    except (ZoneMissing, ZoneBroken):
        return Q(pk__in=[])


of_holders("renewal-overdue")


def _overdue(due: Due, why: str, now: datetime) -> Need:
    """Certificates whose automatic renewal is late. The severity grows with the delay and near the expiry."""
    late, left = now - due.since, due.not_after - now
    expiry = "have expired" if due.not_after < now else f"expire in {clocks.length(left)}"
    title = f"{due.node}: its renewal is {clocks.length(late)} late, and its certificates {expiry}"
    severity = Severity.CRITICAL if left < LAST_DAYS or late > VERY_LATE else Severity.WARNING
    remedy = "It is tried again every hour. Fix the cause, or renew the node yourself."
    return Need(
        "renewal-overdue", severity, str(due.node), title, why, remedy, reverse("nodes:detail", args=[due.node.pk]), "Show node", due.since,
        about=due.certificates, by_date=True,
    )  # fmt: skip


def _root_due(now: datetime) -> Iterator[Need]:
    if root_rotation() or not root_is_due(root := issuing_root(), now):
        return
    if rotation_under_way() or not rotates_next(now):
        title = f"{root.subject} is past half its lifetime: {clocks.left(root.not_after, now)} left"
        blocked = blocked_reason(Rotation.Kind.ROOT, now=now)
        text = f"A new root cannot be created now: {blocked}" if blocked else "Automatic rotation is off."
        remedy = "Remove the cause, then make a new root." if blocked else "Make a new root. It takes minutes, and no node is interrupted."
        severity = Severity.CRITICAL if root.expiry_status(now) != ExpiryStatus.VALID else Severity.WARNING
        yield Need(
            "root-rotation-due",
            severity,
            root.holder or root.subject,
            title,
            text,
            remedy,
            reverse("roots:show" if blocked else "roots:rotate"),
            "Show root" if blocked else "New root",
            explains_own=frozenset({"certificate-expiring"}),
            about=frozenset({str(root.pk)}),
            by_date=True,
        )
