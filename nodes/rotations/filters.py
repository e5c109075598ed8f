"""The filters of the lists of nodes that a rotation affects."""

from typing import Any

from django.db.models import QuerySet

from nodes.models import Node
from nodes.renewal.blocked_reason import READINESS, Readiness
from web.lists.filters import Choice, ListFilter, Search


class AffectedFilter(ListFilter):
    """The rows are those of `with_blocked`."""

    search = Search("name", "host_name", "address")
    readiness = Choice("New certificates", Readiness.choices, method="with_readiness", empty="any", help_text="how the node gets them")

    class Meta:
        model = Node
        fields: list[str] = []

    def with_readiness(self, rows: "QuerySet[Any]", name: str, value: str) -> "QuerySet[Any]":
        return rows.filter(blocked__in=[blocked for blocked, readiness in READINESS.items() if readiness == value])


class ReaderFilter(AffectedFilter):
    """The rows are those of `with_proofs`."""

    proof = Choice("Versions", [("missing", "not all verified"), ("all", "all verified")], method="with_proof", empty="any")

    def with_proof(self, rows: "QuerySet[Any]", name: str, value: str) -> "QuerySet[Any]":
        return rows.filter(lacks=value == "missing")


class ProgressFilter(AffectedFilter):
    """The rows are those of `root_progress_rows`."""

    waits = Choice("Rotation", [("yes", "waits for it"), ("no", "does not wait for it")], method="with_waits", empty="any")

    def with_waits(self, rows: "QuerySet[Any]", name: str, value: str) -> "QuerySet[Any]":
        return rows.filter(waits=value == "yes")
