"""The lists of browser certificates, and of the nodes that can use one, with the formats of their rows in the API and in files."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from certs.certificates.issuer import roots_in_force
from nodes.browser_certificates.filters import BrowserCertificateFilter, NodeFitFilter
from nodes.browser_certificates.fits import NodeFit
from nodes.browser_certificates.verdict import blockers, names_findings
from nodes.browser_certificates.view_models import BrowserStatus, browser_status, choosers, choosers_counted
from nodes.models import BrowserCertificate, Node
from pki.core.findings import Finding
from web.lists.counts import Computed
from web.lists.declared import Column, List

PLAIN = (
    "name",
    "source",
    "state",
    "subject",
    "key_type",
    "thumbprint",
    "sha256",
    "not_before",
    "not_after",
    "certificates",
    "csr",
    "notes",
    "created_at",
)


@dataclass(frozen=True)
class BrowserCertificateLine:
    """A browser certificate in the list. `blocker` prevents its use; `chosen` names the nodes that have chosen it."""

    certificate: BrowserCertificate
    blocker: Finding | None
    chosen: str


def browser_certificates_json(certificates: Sequence[BrowserCertificate], now: datetime) -> list[dict[str, Any]]:
    """Certificates in their pinned form; one query for the nodes that chose them."""
    chosen = choosers(certificates)
    return [
        {
            "id": str(certificate.pk),
            **{name: getattr(certificate, name) for name in PLAIN},
            "subject_alternative_names": certificate.names,
            "days_left": certificate.days_left(now) if certificate.is_ready else None,
            "expiry_status": certificate.expiry_status(now).value if certificate.is_ready else None,
            "chosen_for": [{"id": str(node.pk), "name": node.name} for node in chosen[str(certificate.pk)]],
        }
        for certificate in certificates
    ]


class BrowserCertificateList(List):
    model = BrowserCertificate
    noun, caption = "certificate", "Browser certificates"
    empty = "No browser certificates yet. Nodes serve the trust zone's own certificate, which browsers do not trust."
    filters = BrowserCertificateFilter
    columns = (
        Column("name", "Certificate", "nodes/browser_certificates/cell_name.html", sort="name"),
        Column("not_after", "Lifetime left", "nodes/browser_certificates/cell_life.html", sort="not_after"),
        Column("state", "State", "nodes/browser_certificates/cell_state.html", sort="state"),
        Column("chosen", "Chosen for", empty="no node"),
    )
    sort = "name"
    csv = (
        "id", "name", "source", "state", "subject", "subject_alternative_names", "key_type", "thumbprint", "sha256", "not_before", "not_after",
        "expiry_status", "created_at",
    )  # fmt: skip
    reasons = ("notes",)

    def shown(self, rows: list[BrowserCertificate], now: datetime) -> list[BrowserCertificateLine]:
        roots, chosen = roots_in_force(), choosers_counted(rows)
        found = [blockers(row, now=now, roots=roots) if row.is_ready else [] for row in rows]
        return [
            BrowserCertificateLine(row, blocking[0] if blocking else None, chosen[row.pk])
            for row, blocking in zip(rows, found, strict=True)
        ]

    def json(self, rows: list[BrowserCertificate], now: datetime) -> list[dict[str, Any]]:
        return browser_certificates_json(rows, now)


@dataclass(frozen=True)
class NodeOfCertificate:
    """A node of the list; `finding` says whether the certificate covers its names, `status` is None if the node does not use it."""

    node: Node
    finding: Finding
    status: BrowserStatus | None


class NodesOfCertificateList(List):
    """By default, first the nodes that use the certificate, then those that can use it. The rows are those of `fit_column`."""

    model = Node
    noun, caption = "node", "Nodes that use the certificate or can use it"
    empty = "No nodes yet."
    filters = NodeFitFilter
    columns = (
        Column("node", "Node", "nodes/browser_certificates/cell_node.html", sort="name"),
        Column("fit", "Node names", "nodes/browser_certificates/cell_fit.html", sort="fit name"),
        Column("status", "Browser certificate", "nodes/browser_certificates/cell_choice.html"),
    )
    sort = "fit"
    csv = ("node", "name", "host_name", "fit", "names", "state", "explanation")
    reasons = ("explanation",)

    def __init__(self, certificate: BrowserCertificate, fits: Computed) -> None:
        super().__init__(computed=fits)
        self.certificate = certificate

    def shown(self, rows: list[Any], now: datetime) -> list[NodeOfCertificate]:
        return [
            NodeOfCertificate(node, finding, browser_status(node, chosen=self.certificate) if node.fit == NodeFit.USES else None)
            for node, finding in zip(rows, names_findings(self.certificate, rows), strict=True)
        ]

    def json(self, rows: list[Any], now: datetime) -> list[dict[str, Any]]:
        return [
            {
                "node": str(row.node.pk), "name": row.node.name, "host_name": row.node.host_name, "fit": NodeFit(node.fit).name.lower(),
                "names": row.finding.title, "state": row.status.state if row.status else "", "explanation": row.status.text if row.status else "",
            }
            for node, row in zip(rows, self.shown(rows, now), strict=True)
        ]  # fmt: skip
