"""The filters of the lists of browser certificates, and of the nodes that can use one."""

from typing import Any

from django.db.models import QuerySet, Value

from nodes.browser_certificates.fits import NodeFit
from nodes.models import BrowserCertificate, Node
from nodes.states import BrowserCertificateState
from web.lists.filters import Choice, Expiry, ListFilter, Search

STATES = [(BrowserCertificateState.READY.value, "ready"), (BrowserCertificateState.AWAITING_ANSWER.value, "waits for the answer")]


class BrowserCertificateFilter(ListFilter):
    search = Search("name", "subject", "names", numbers=("thumbprint", "sha256"))
    state = Choice("State", STATES, empty="any")
    expiry = Expiry()

    class Meta:
        model = BrowserCertificate
        fields: list[str] = []


class NodeFitFilter(ListFilter):
    """The rows are those of `fit_column`."""

    search = Search("name", "host_name", "address")
    fit = Choice("Nodes", [(fit.name.lower(), fit.label) for fit in NodeFit], method="with_fit", empty="any")

    class Meta:
        model = Node
        fields: list[str] = []

    def with_fit(self, rows: "QuerySet[Any]", name: str, value: str) -> "QuerySet[Any]":
        fit = NodeFit[value.upper()]
        found: QuerySet[Any] = rows.filter(fit=fit).annotate(fit=Value(fit))
        return found
