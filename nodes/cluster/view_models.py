"""What the page of the cluster certificate shows."""

import json
from datetime import datetime
from typing import Any

from certs.cluster.services import cluster_certificates, cluster_jwks, cluster_public_key
from certs.lifetime.renewal_forecast import leaf_due, renewal_basis
from certs.models import Certificate, Deployment
from certs.zone.services import zone_current
from nodes.cluster.services import ClusterNode, cluster_nodes, site_answer
from nodes.models import Node
from pki.cluster.tokens import key_id


def what_happens(certificate: Certificate) -> tuple[str, datetime | None]:
    """What happens to the current certificate next, and when."""
    basis = renewal_basis(zone_current())
    if certificate.issuer_id is not None and certificate.issuer_id == basis.leaving_id:
        return "It is replaced by the root rotation that is in progress.", None
    due = leaf_due(certificate, basis)
    if due is None:
        return "A renewal does not help, because its root expires soon and is not replaced automatically. Rotate the root.", None
    if due.with_root:
        return "It is replaced with the next root. Every node gets the new one with its renewal, without a password.", due.at
    return "It is renewed automatically. Every node gets the new one with a renewal, without a password.", due.at


def story(*, now: datetime, search: str) -> dict[str, Any]:
    """All variables of the page. Raises: ZoneMissing, ZoneBroken."""
    in_force, *others = cluster_certificates()
    found = cluster_nodes(Node.objects.present().select_related("observation"), in_force=in_force)
    happens, at = what_happens(in_force)
    return {
        "now": now, "in_force": in_force, "others": others, "happens": happens, "happens_at": at, "nodes": [each for each in found if has(each, search)],
        "verified": sum(each.verified for each in found), "total": len(found), "public_key": cluster_public_key(), "key_id": key_id(in_force.x509()),
        "jwks": json.dumps(cluster_jwks(), indent=2), "deployments": Deployment.objects.all(), "answer": site_answer(zone_current()),
    }  # fmt: skip


def has(each: ClusterNode, search: str) -> bool:
    """Whether the node matches the search."""
    return search in f"{each.node.name} {each.node.host_name} {each.node.address}".lower()
