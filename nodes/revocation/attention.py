"""The needs of revoked certificates and lost machines."""

from collections.abc import Iterator
from datetime import datetime
from itertools import islice
from typing import Any

from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet, Window
from django.urls import reverse
from django.utils.functional import lazy

from attention.expiring import Endless, Expiring, ExpiryWording, by_hand, by_itself, expiring_register
from attention.needs import MOST_ALIKE, Look, Need, Severity, affected_register, codes_register, needs_register
from attention.once import once
from attention.together import Keys
from certs.models import Certificate, RevocationList
from certs.revocation.lists import ANEW, lists_newest, trust_in_force
from certs.states import CertificateStatus
from certs.zone.services import zone_current
from nodes.inventory.conditions import condition_register, nodes_observed
from nodes.inventory.silence import nodes_in, observed
from nodes.models import Node, Observation
from nodes.observation.models import trust_digest
from nodes.registration.decommission import LOST
from nodes.renewal.attention import OF_NO_CALLS
from nodes.revocation.exposure import secrets_not_replaced
from nodes.revocation.view_models import without_valid_certificate
from nodes.states import NodeState
from pki.core import clocks
from pki.core.roles import OWN_KINDS, Kind
from web.words import counted

NAMED = 4

codes_register(
    {
        "node-certificate-revoked": "a node has no valid service or client certificate",
        "secrets-known": "a lost machine knew secrets that are still in use",
    }
)


@needs_register
def needs(look: Look) -> Iterator[Need]:
    """Nodes without a valid certificate, and secrets on lost machines."""
    yield from _revoked(look)
    yield from _lost_machines(look)


@condition_register(
    "node-certificate-revoked", "name", "{count} nodes have revoked certificates",
    "They are not accepted any more, so a renewal cannot reach these nodes.", "Redistribute each node.",
)  # fmt: skip
def revoked(now: datetime) -> Q:
    """Registered nodes without a valid certificate of some kind, or that report a revoked one.

    A node is registered with both kinds, and loses the last one only by a revocation. So the database begins with the revoked ones.
    """
    affected: list[QuerySet[Any, Any]] = []
    for kind in OWN_KINDS:
        of_kind = Certificate.objects.filter(kind=kind, holder_id__isnull=False).order_by()
        revoked_ones = of_kind.filter(status=CertificateStatus.REVOKED)
        without = revoked_ones.exclude(Exists(of_kind.issued().filter(holder_id=OuterRef("holder_id"))))
        reported = Observation.objects.filter(**{f"{kind}_sha256__in": revoked_ones.values("sha256")}).order_by()
        affected += [without.values("holder_id"), reported.values("node")]
    return nodes_in(*affected) & Q(state=NodeState.REGISTERED, is_central=False)


def _revoked(look: Look) -> Iterator[Need]:
    many, nodes = look.many("node-certificate-revoked"), list(look.worst("node-certificate-revoked"))
    for node, kinds in without_valid_certificate(nodes) if nodes else ():
        yield Need(
            "node-certificate-revoked", Severity.CRITICAL, str(node), f"{node}: {' and '.join(kinds)} certificate revoked",
            "It is not accepted any more, so a renewal cannot reach the node.", "Redistribute the node.",
            reverse("nodes:redistribute", args=[node.pk]), "Redistribute",
            explains_own=OF_NO_CALLS if Kind.CLIENT in kinds else frozenset(), many=many,
        )  # fmt: skip


@affected_register("secrets-known", nodes_observed)
def lost(now: datetime) -> Keys:
    """Lost machines that had certificates, the last one first."""
    had = Exists(Certificate.objects.listed().filter(holder_id=OuterRef("pk")))
    return Node.objects.filter(had, state=NodeState.DECOMMISSIONED, state_reason=LOST).order_by("-state_since").values(key=F("pk"))


def _lost_machines(look: Look) -> Iterator[Need]:
    """The machines that were decommissioned as lost last, if a secret that they knew has not been replaced."""
    last = list(islice(look.worst("secrets-known"), MOST_ALIKE))
    for node, known in secrets_not_replaced(last) if last else ():
        yield Need(
            "secrets-known", Severity.WARNING, str(node), f"{node} was lost, and secrets that it knew are still in use", f"Not replaced yet: {', '.join(known)}.",
            "Replace each of them. The page of the node has the links.", reverse("nodes:detail", args=[node.pk]), "Show node", node.state_since, key=str(node.pk),
        )  # fmt: skip


@expiring_register("certs.view_certificate")
def expiring(now: datetime) -> Iterator[Expiring | Endless]:
    """The newest list of each root in force."""
    zone_name, newest = zone_current().name, lists_newest()
    for revocation_list in newest:
        root = revocation_list.root
        yield Expiring(
            id=str(revocation_list.pk), kind="revocation_list", subject=f"{root.subject}, list {revocation_list.number}", holder=root.holder, owner=zone_name,
            not_before=revocation_list.this_update, not_after=revocation_list.next_update, wording=list_expiry_wording(revocation_list, now=now),
            url=reverse("certs:detail", args=[root.pk]),
        )  # fmt: skip
    if not newest:
        yield Endless(None, "revocation_list", "no list yet", zone_name, "A worker signs the first one automatically.")


def list_expiry_wording(newest: RevocationList, *, now: datetime) -> ExpiryWording:
    """The next list of a root."""
    age = now - newest.this_update
    if age >= 2 * ANEW:
        return by_hand(
            f"It is signed again each day, but the last one is {clocks.length(age)} old. Check that a worker runs, and read its log."
        )
    text: Any = lazy(_signed_again, str)()  # many pages have the list, and few show its text
    return by_itself(text, newest.this_update + ANEW)


@once
def _signed_again() -> str:
    """With the registered nodes that lack the newest trust, if there are any."""
    text = "Signed again each day."
    current = trust_digest(*_in_force())
    others = Q(trust_sha256__lt=current), Q(trust_sha256__gt=current)  # ranges, for the index
    lacking = Node.objects.filter(observed(*others), state=NodeState.REGISTERED)
    found = list(lacking.order_by("name").values_list("name", Window(Count("pk")))[:NAMED])
    if not found:
        return text
    names, count = [name for name, _ in found], found[0][1]
    return f"{text} {counted(count, 'node uses an older one', 'nodes use an older one')}: {', '.join(names[: NAMED - 1])}{'…' * (count >= NAMED)}."


def _in_force() -> tuple[list[str], dict[str, int]]:
    trusted = trust_in_force()
    return list(trusted), trusted
