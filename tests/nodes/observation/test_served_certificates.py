"""What a node's services serve against what is installed, and its reload hook."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from attention.needs import Look, needs
from nodes.models import Node, Observation
from nodes.observation.served_certificates import hook_run, served_certificates
from tests import factories

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
NEW, OLD, OTHER, STRANGE = ("".join(letter * 64) for letter in "abcd")


def certificate(node: Node, sha256: str, holder: uuid.UUID, made: datetime) -> None:
    factories.certificate(
        "service",
        holder_id=holder,
        at=made,
        subject="CN=rim1.example",
        holder="rim1.example",
        serial=sha256[:16],
        sha256=sha256,
        key_type="RSA-3072",
        not_after=made + timedelta(days=1800),
        generation=int(sha256 == NEW),
    )


@pytest.fixture
def node(db: None) -> Node:
    node = factories.node(at=NOW, registered_at=NOW - timedelta(days=200))
    certificate(node, OLD, node.pk, datetime(2026, 3, 12, 9, 30, tzinfo=UTC))
    certificate(node, NEW, node.pk, NOW - timedelta(hours=1))
    certificate(node, OTHER, uuid.uuid4(), NOW)
    Observation.objects.create(node=node, last_seen_at=NOW, generation=2, installed={"service": NEW}, served={"service": NEW})
    return node


def with_report(node: Node, **fields: Any) -> Node:
    """The node after a report with these fields."""
    seen = Observation.objects.get(node=node)
    for name, value in fields.items():
        setattr(seen, name, value)
    seen.save()
    return Node.objects.get(pk=node.pk)


# what is served → what the page says, and its color
SERVED = {
    "installed": (NEW, "serves the installed certificate", "green"),
    "before": (OLD, "still serves the certificate of 12 Mar 2026, 09:30 UTC: reload it", "orange"),
    "another node's": (OTHER, "serves CN=rim1.example of rim1.example", "orange"),
    "strange": (STRANGE, "that this trust zone did not sign", "orange"),
    "nothing": (None, "does not answer with TLS", "grey"),
}


@pytest.mark.parametrize(("sha256", "words", "color"), SERVED.values(), ids=SERVED.keys())
def test_installed_against_served_now_in_words(node: Node, sha256: str | None, words: str, color: str) -> None:
    agent, engine = served_certificates(with_report(node, served={"engine": sha256, "service": NEW}))
    assert (agent.name, agent.color, engine.name, engine.color) == ("The agent", "green", "engine", color)
    assert words in engine.words


@pytest.mark.parametrize(
    ("minutes", "served", "expected"),
    [(9, OLD, 0), (11, OLD, 1), (11, NEW, 0), (11, None, 0)],
    ids=["just renewed", "late", "fine", "silent"],
)
def test_overview_names_what_still_serves_the_old_certificate(node: Node, minutes: int, served: str | None, expected: int) -> None:
    with_report(node, served={"service": NEW, "engine": served}, last_seen_at=NOW - timedelta(minutes=minutes))
    with_report(node, last_seen_at=NOW)
    assert [need.title for need in needs(Look(NOW))].count("rim1: engine does not serve the installed certificate") == expected


@pytest.mark.parametrize(
    ("code", "words", "failed"),
    [(0, "succeeded, for generation 2", False), (None, "its result is not known yet", False), (3, "failed with exit code 3", True), (124, "longer than 60 s", True),
     (127, "could not be started", True)],
)  # fmt: skip
def test_reload_hook_in_words(node: Node, code: int | None, words: str, failed: bool) -> None:
    run = hook_run(with_report(node, hook={"at": NOW.isoformat(), "exit": code, "generation": 2}))
    assert run is not None
    assert (words in run.words, run.failed) == (True, failed)
    assert any("the reload hook failed" in need.title for need in needs(Look(NOW))) is failed


def test_node_without_hook_and_services_says_nothing_of_them(node: Node) -> None:
    node = with_report(node, served={"service": None}, listening=False)
    assert (served_certificates(node), hook_run(node)) == ([], None)
