"""The nodes in a rotation of the root, and what each of them has: conditions for the database, because a site can have thousands of nodes."""

import uuid
from enum import StrEnum
from itertools import islice
from typing import Any

from django.db.models import BooleanField, Case, Exists, OuterRef, Q, QuerySet, Value, When
from django.db.models.fields.json import KeyTextTransform

from attention.once import once
from certs.models import Certificate, Rotation
from nodes.models import Observation, Registration
from nodes.rotations.services import nodes_to_reissue
from nodes.states import UNDER_WAY, NodeState
from pki.core.roles import OWN_KINDS, Kind

BATCH = 500


class Phase(StrEnum):
    """The phase of a rotation of the root: computed, never stored."""

    MAKING = "making"
    TRUSTING = "trusting"
    ISSUING = "issuing"
    FINISHED = "finished"


def phase_of(rotation: Rotation) -> Phase:
    if rotation.finished_at:
        return Phase.FINISHED
    if rotation.to_root_id is None:
        return Phase.MAKING
    return Phase.ISSUING if rotation.switched_at else Phase.TRUSTING


def nodes_in(rotation: Rotation) -> QuerySet[Any]:
    """Every node that has certificates of the trust zone, or is being registered, with its progress: `trusts`, `outdated` and `presents`."""
    conditions = _conditions(rotation.to_root, rotation.from_root)
    return (
        nodes_to_reissue()
        .with_report("installed", "served")
        .annotate(
            served_service=KeyTextTransform("service", "observation__served"),
            # Not just the condition: it is neither true nor false for a node that has not called.
            **{
                name: Case(When(condition, then=True), default=Value(False), output_field=BooleanField())
                for name, condition in conditions.items()
            },
        )
    )


def awaited(nodes: QuerySet[Any], rotation: Rotation, phase: Phase) -> QuerySet[Any]:
    """Those of `nodes_in` for which the rotation waits in `phase`."""
    missing = {"presents": False} if phase == Phase.ISSUING else {"trusts": False}
    return nodes.filter(**missing).exclude(pk__in=[exclusion["id"] for exclusion in rotation.excluded])


@once
def _conditions(root: Certificate | None, leaving: Certificate | None) -> dict[str, Q | Exists]:
    if root is None:
        return dict.fromkeys(("trusts", "outdated", "presents"), Q(pk__in=[]))
    joins, joins_first = Q(state__in=UNDER_WAY), Q(state__in=UNDER_WAY, registered_at__isnull=True)
    # The package counts too: an older package would remove the trust. Before its lease expired, the root may not have been signed
    # when the package was made.
    packed = Exists(
        Registration.objects.filter(node=OuterRef("pk"), generation=OuterRef("generation"), created_at__gte=root.lease_until).order_by()
    )
    trusting = Q(observation__trust_sha256__in=_digests_with(root))
    own = Certificate.objects.issued().filter(kind__in=OWN_KINDS, holder_id=OuterRef("pk")).order_by()
    coming = own.filter(generation=OuterRef("generation"))
    renewed = ~Exists(own.exclude(issuer=root)) & Exists(own.filter(sha256=OuterRef("observation__service_sha256")))
    serves = Q(observation__listening=False) | Exists(own.filter(sha256=OuterRef("served_service")))
    return {
        "trusts": (~joins & trusting) | (joins & packed & (trusting | joins_first)),
        "outdated": ~joins & ~renewed,
        "presents": (joins_first & Exists(coming) & ~Exists(coming.exclude(issuer=root)))
        | (Q(state=NodeState.REGISTERED) & renewed & serves & ~Q(pk__in=_nodes_presenting(leaving))),
    }


def _digests_with(root: Certificate) -> list[str]:
    """Of the digests of trust that nodes report, those with `root`. Usually there are two or three digests, however many nodes there are."""
    reports, found = Observation.objects.order_by("trust_sha256").only("trust_sha256", "trusts"), []
    report = reports.filter(trust_sha256__gt="").first()
    while report is not None:
        if root.sha256 in report.trusts:
            found.append(report.trust_sha256)
        report = reports.filter(trust_sha256__gt=report.trust_sha256).first()  # the index leads to the next digest
    return found


def _nodes_presenting(leaving: Certificate | None) -> list[uuid.UUID]:
    """The nodes with a service that still presents a certificate which `leaving` issued."""
    gone, found = Certificate.objects.accepted().besides_exports().filter(issuer=leaving, kind=Kind.SERVICE).order_by(), []
    # Of the others, every service presents what is installed.
    seen = Observation.objects.filter(serves_another_since__isnull=False).order_by().only("served").iterator(BATCH)
    while served := {report.pk: set(report.served.values()) for report in islice(seen, BATCH)}:
        old = set(gone.filter(sha256__in=set().union(*served.values())).values_list("sha256", flat=True))
        found += [node for node, presented in served.items() if old & presented]
    return found
