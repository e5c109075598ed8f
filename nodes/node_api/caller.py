"""The caller of the node API: the node of its client certificate, read from the database at each call."""

import functools
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connection
from django.db.models import Exists, OuterRef, QuerySet, Subquery

from certs.models import Certificate
from nodes.models import CallerFinding, Node, Observation, Renewal, SiteNudge
from pki.core.roles import Kind

ASKED = "the SHA-256 of the certificate"


@dataclass(frozen=True)
class Caller:
    """The calling node with its observation; generation, status and replacement of its client certificate; whether two machines call as it, whether a
    renewal is under way, and the digest of `SiteNudge`."""

    node: Node
    certificate_generation: int
    certificate_status: str
    superseded_at: datetime | None
    is_disputed: bool
    has_renewal: bool
    site_digest: str | None


def _callers() -> QuerySet[Node]:
    presented = Certificate.objects.accepted().filter(kind=Kind.CLIENT, sha256=ASKED).order_by()
    nodes = Node.objects.present().filter(pk__in=presented.values("holder_id")).select_related("observation").order_by()
    return nodes.annotate(
        certificate_generation=Subquery(presented.values("generation")[:1]),
        certificate_status=Subquery(presented.values("status")[:1]),
        superseded_at=Subquery(presented.values("superseded_at")[:1]),
        is_disputed=Exists(CallerFinding.objects.filter(node=OuterRef("pk"), kind=CallerFinding.Kind.TWO_CALLERS)),
        has_renewal=Exists(Renewal.objects.under_way().filter(node=OuterRef("pk"))),
        site_digest=Subquery(SiteNudge.objects.values("digest")[:1]),
    )


class _Query:
    """The SQL of `_callers`, written once: Django takes longer to write it than the database to answer it."""

    def __init__(self) -> None:
        compiler: Any = _callers().query.get_compiler(DEFAULT_DB_ALIAS)
        self.sql, self.parameters = compiler.as_sql()
        columns = [expression for expression, *_ in compiler.select]
        self.converters, self.convert = compiler.get_converters(columns), compiler.apply_converters
        (observation,) = compiler.klass_info["related_klass_infos"]
        self.of_node, self.of_observation = (
            {columns[place].target.attname: place for place in found["select_fields"]} for found in (compiler.klass_info, observation)
        )
        self.annotated: dict[str, int] = compiler.annotation_col_map

    def caller(self, sha256: str) -> Caller | None:
        with connection.cursor() as cursor:
            cursor.execute(self.sql, [sha256 if value == ASKED else value for value in self.parameters])
            row = cursor.fetchone()
        if row is None:
            return None
        (values,) = self.convert([row], self.converters)

        def made(model: Any, places: dict[str, int]) -> Any:
            return model.from_db(DEFAULT_DB_ALIAS, [*places], [values[place] for place in places.values()])

        node = made(Node, self.of_node)
        if values[self.of_observation["node_id"]] is not None:
            node.observation = made(Observation, self.of_observation)
        return Caller(node, **{name: values[place] for name, place in self.annotated.items()})


_query = functools.cache(_Query)


def caller_read(sha256: str) -> Caller | None:
    """The node whose accepted client certificate has this fingerprint; None if there is none."""
    return _query().caller(sha256)
