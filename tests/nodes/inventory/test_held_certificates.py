"""Installed, served now, proved: three answers about each certificate of a node."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from nodes.inventory.held_certificates import held_certificates
from nodes.models import Node, Observation
from tests import factories

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
KINDS = ("service", "client", "cluster", "root")
SHA = {kind: str(number) * 64 for number, kind in enumerate(KINDS)}
LATELY = NOW - timedelta(minutes=5)
INSTALLED: dict[str, Any] = {"installed": {kind: SHA[kind] for kind in KINDS[:3]}, "trusts": [SHA["root"]]}

# what the node reports → for each kind: installed, served now, proved
CASES: dict[str, tuple[dict[str, Any] | None, dict[str, tuple[str, str | None, str | None]]]] = {
    "nothing": (None, {
        "service": ("after the password", "after the password", "after the password"), "client": ("after the password", None, "after the password"),
        "cluster": ("after the password", None, "after the password"), "root": ("after the password", None, None),
    }),
    "another installed": ({"installed": {"service": "e" * 64}, "served": {"service": "e" * 64}}, {
        "service": ("not yet", "not yet", "not yet"), "client": ("not yet", None, "not yet"), "cluster": ("not yet", None, "not yet"), "root": ("not yet", None, None),
    }),
    "installed, and nothing is checked": (INSTALLED | {"served": {"service": None}, "listening": False}, {
        "service": ("installed", "not checked", "not yet"), "client": ("installed", None, "proved"), "cluster": ("installed", None, "not yet"), "root": ("trusted", None, None),
    }),
    "everything": (INSTALLED | {
        "served": {"service": SHA["service"], "engine": None}, "proved": {"aa" * 8: LATELY.isoformat()}, "cluster_proved_at": LATELY, "cluster_proved_sha256": SHA["cluster"],
    }, {
        "service": ("installed", "served", "proved"), "client": ("installed", None, "proved"), "cluster": ("installed", None, "proved"), "root": ("trusted", None, None),
    }),
    "another is served": (INSTALLED | {"served": {"service": "e" * 64}}, {"service": ("installed", "another one", "not yet")}),
    "no program answers": (INSTALLED | {"served": {"service": None}}, {"service": ("installed", "no answer", "not yet")}),
    "proof of another cluster key": (INSTALLED | {"cluster_proved_at": LATELY, "cluster_proved_sha256": "e" * 64}, {"cluster": ("installed", None, "not yet")}),
}  # fmt: skip


@pytest.fixture
def node(db: None) -> Node:
    node = factories.node(at=NOW)
    for kind in KINDS:
        factories.certificate(kind, holder_id=node.pk, at=NOW, sha256=SHA[kind])
    return node


@pytest.mark.parametrize(("report", "expected"), CASES.values(), ids=CASES.keys())
def test_each_certificate_has_three_answers(
    node: Node, report: dict[str, Any] | None, expected: dict[str, tuple[str, str | None, str | None]]
) -> None:
    if report is not None:
        Observation.objects.create(node=node, last_seen_at=NOW, **report)
    found = {
        held.certificate.kind: tuple(mark.word if mark else None for mark in (held.installed, held.served, held.proved))
        for held in held_certificates(Node.objects.get(pk=node.pk))
    }
    assert {kind: found[kind] for kind in expected} == expected


def test_a_proof_says_when(node: Node) -> None:
    Observation.objects.create(
        node=node, last_seen_at=NOW, **INSTALLED, proved={"aa" * 8: (LATELY - timedelta(hours=1)).isoformat(), "bb" * 8: LATELY.isoformat()}
    )
    times = {held.certificate.kind: held.proved.at for held in held_certificates(Node.objects.get(pk=node.pk)) if held.proved}
    assert (times["service"], times["client"]) == (LATELY, NOW)
