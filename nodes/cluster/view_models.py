"""View models of the pages of the cluster certificate."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from certs.cluster.services import cluster_jwks, cluster_public_key
from certs.lifetime.renewal_forecast import leaf_due, renewal_basis
from certs.models import Certificate, Deployment
from certs.zone.services import zone_current
from nodes.cluster.services import LACKING, RANKS, VERIFIED, Delivery, site_answer
from nodes.models import Node
from pki.cluster.manual_configuration import Answer
from pki.cluster.tokens import Token, key_id
from web.lists.counts import Computed
from web.words import counted

MOST_NAMED = 20


def what_happens(certificate: Certificate) -> tuple[str, datetime | None]:
    """The next event of the current certificate, with its date."""
    basis = renewal_basis(zone_current())
    if certificate.issuer_id is not None and certificate.issuer_id == basis.leaving_id:
        return "It is replaced by the root rotation that is in progress.", None
    due = leaf_due(certificate, basis)
    if due is None:
        return "A renewal does not help, because its root expires soon and is not replaced automatically. Rotate the root.", None
    if due.with_root:
        return "It is replaced with the next root. Every node gets the new one with its renewal, without a password.", due.at
    return "It is renewed automatically. Every node gets the new one with a renewal, without a password.", due.at


@dataclass(frozen=True)
class ClusterPage:
    """The current cluster certificate, what happens to it next, its public key, and the deployments that trust it.

    `total` counts the nodes. `others` are older cluster certificates that are still valid.
    """

    certificate: Certificate
    others: list[Certificate]
    renewal: str
    renewal_at: datetime | None
    verified: int
    total: int
    public_key: str
    key_id: str
    jwks: str
    deployments: Iterable[Deployment]
    manual_required: bool


def cluster_page(certificates: Sequence[Certificate], ranks: Computed) -> ClusterPage:
    """`certificates` are the ones to publish, the current one first. Raises: ZoneMissing, ZoneBroken."""
    certificate, *others = certificates
    counts = ranks.counts(RANKS)
    renewal, renewal_at = what_happens(certificate)
    return ClusterPage(
        certificate, others, renewal, renewal_at,
        verified=counts[VERIFIED], total=sum(counts.values()),
        public_key=cluster_public_key(certificate), key_id=key_id(certificate.x509()), jwks=json.dumps(cluster_jwks(certificates), indent=2),
        deployments=Deployment.objects.all(), manual_required=site_answer(zone_current()).required,
    )  # fmt: skip


@dataclass(frozen=True)
class DeploymentPage:
    """A deployment to change; None for a new one."""

    deployment: Deployment | None = None
    saved: bool = False


@dataclass(frozen=True)
class TokenPage:
    """A test token for a deployment, shown once."""

    deployment: Deployment
    token: Token


@dataclass(frozen=True)
class PfxPage:
    """The cluster certificate to download with its key."""

    certificate: Certificate


@dataclass(frozen=True)
class SitePage:
    """Whether the facts of the site require manual configuration, and why."""

    answer: Answer
    nodes: int
    saved: bool


@dataclass(frozen=True)
class DeliveryNote:
    """The result of a delivery: the nodes that get the certificate, and those that do not, with the reason."""

    title: str
    left_out: list[tuple[Node, str]]

    @property
    def named(self) -> list[tuple[Node, str]]:
        return self.left_out[:MOST_NAMED]

    @property
    def more(self) -> int:
        return len(self.left_out) - len(self.named)


@dataclass(frozen=True)
class ManualPage:
    """The manual configuration that remains. `lacking` counts the nodes without the certificate."""

    title: str
    reason: str
    total: int
    lacking: int
    delivery: DeliveryNote | None


def manual_page(ranks: Computed, *, delivery: Delivery | None) -> ManualPage:
    """`ranks` is the column of `rank_column`. Raises: ZoneMissing."""
    answer, counts = site_answer(zone_current()), ranks.counts(RANKS)
    total = sum(counts.values())
    todo = total - counts[VERIFIED]
    title = f"{todo} of {total} nodes are not verified" if todo else "Every node is verified"
    return ManualPage(
        title=title if answer.required else "Manual configuration is not required",
        reason=answer.reason,
        total=total,
        lacking=counts[LACKING],
        delivery=_delivery_note(delivery) if delivery else None,
    )


def _delivery_note(delivery: Delivery) -> DeliveryNote:
    if delivery.renewed:
        nodes = ", ".join(map(str, delivery.renewed)) if len(delivery.renewed) <= MOST_NAMED else counted(len(delivery.renewed), "node")
        return DeliveryNote(f"Delivery started for {nodes}", delivery.left_out)
    return DeliveryNote("Nothing was sent" if delivery.left_out else "Every node has it", delivery.left_out)
