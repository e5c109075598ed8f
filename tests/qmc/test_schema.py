"""The schema tells of every address of the API, and in the form in which it answers."""

from datetime import UTC, datetime

import pytest
from django.urls import get_resolver
from drf_spectacular.generators import SchemaGenerator

from certs.api import CertificateOutput, ExpiryOutput, LifetimeOutput, certificate_json
from certs.models import Certificate
from certs.services.expiry import expiry_board
from certs.services.lifetime import Lifetime
from nodes.api import CeremonyOutput, FindingOutput, NodeOutput, nodes_json
from nodes.api_connections import ConnectionOutput, connections_json
from nodes.findings import Finding
from nodes.models import Connection, Node
from nodes.services.registration import Ceremony

NOW = datetime(2026, 11, 24, tzinfo=UTC)


@pytest.mark.django_db
def test_answers_have_the_form_that_the_schema_tells() -> None:
    certificate = Certificate(not_before=NOW, not_after=NOW)
    (node,) = nodes_json([Node()], NOW)
    (connection,) = connections_json([Connection()])
    answers = {
        NodeOutput: node,
        ConnectionOutput: connection,
        CertificateOutput: certificate_json(certificate, NOW),
        ExpiryOutput: expiry_board(now=NOW),
        LifetimeOutput: vars(Lifetime(60, 60)),
        FindingOutput: vars(Finding("code", "ok", "title")),
        CeremonyOutput: vars(Ceremony("word", "http://localhost", NOW, "issuing")),
    }
    for output, answer in answers.items():
        assert set(output().fields) == set(answer), output


def test_every_address_stands_in_the_schema_with_its_answer() -> None:
    schema = SchemaGenerator().get_schema(public=True)  # type: ignore[no-untyped-call]
    known = {str(each.pattern) for each in get_resolver("qmc.urls").url_patterns if str(each.pattern).startswith("api/v1/")}
    assert len(schema["paths"]) == len(known)
    without = [
        (path, method)
        for path, methods in schema["paths"].items()
        for method, told in methods.items()
        if not any("content" in answer for answer in told["responses"].values())
    ]
    assert sorted(without) == [("/api/v1/connections/{id}/", "delete"), ("/api/v1/nodes/{id}/", "delete")]
