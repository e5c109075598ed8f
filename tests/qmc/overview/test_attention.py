"""Needs: causes come first, and page and API agree."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from attention.needs import CODES, Need, Ranked, Severity, attention, ranked
from audit.actors import SYSTEM
from audit.record import record
from certs.models import Certificate
from certs.roots.attention import OF_THE_ROOT
from nodes.models import Node, Observation
from tests import factories

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
PINNED = {"code", "severity", "subject", "title", "text", "remedy", "url", "since"}


def need(code: str, severity: Severity = Severity.WARNING, *explains: str, own: str = "", subject: str = "rim1") -> Need:
    own_codes = frozenset({own} - {""})
    return Need(code, severity, subject, f"title of {code}", "text", "remedy", "/", "Show", None, frozenset(explains), own_codes)


ORDERS = {
    "the worst first": ([need("a", Severity.INFO), need("b"), need("c", Severity.CRITICAL)], ["c", "b", "a"], {}),
    "what explains comes before what is worse": ([need("a", Severity.CRITICAL), need("b", Severity.WARNING, "x")], ["b", "a"], {}),
    "what is explained comes last": (
        [need("x", Severity.CRITICAL), need("a", Severity.INFO), need("b", Severity.CRITICAL, "x")], ["b", "a", "x"], {"x": "b"},
    ),
    "the worse cause is named": (
        [need("x"), need("b", Severity.WARNING, "x"), need("c", Severity.CRITICAL, "x")], ["c", "b", "x"], {"x": "c"},
    ),
    "a cause may have a cause": ([need("x", Severity.WARNING, "y"), need("y"), need("c", Severity.CRITICAL, "x")], ["c", "x", "y"], {"x": "c", "y": "x"}),
    "only what has the same subject": (
        [need("x", Severity.INFO), need("a", Severity.INFO, own="x"), need("y", Severity.CRITICAL), need("b", own="y", subject="rim2")],
        ["y", "b", "a", "x"], {"x": "a"},
    ),
    "nothing explains itself": ([need("x", Severity.WARNING, "x")], ["x"], {}),
}  # fmt: skip


@pytest.mark.parametrize(("found", "order", "causes"), ORDERS.values(), ids=ORDERS.keys())
def test_needs_are_ranked(found: list[Need], order: list[str], causes: dict[str, str]) -> None:
    ranked_needs = ranked(found)
    assert [ranked_need.need.code for ranked_need in ranked_needs] == order
    assert {ranked_need.need.code: ranked_need.explained_by for ranked_need in ranked_needs if ranked_need.explained_by} == {
        code: f"title of {cause}" for code, cause in causes.items()
    }


def silent_node(name: str, *, hours: int, now: datetime) -> Node:
    node = factories.node(name, at=now, registered_at=now - timedelta(days=9))
    Observation.objects.create(node=node, last_seen_at=now - timedelta(hours=hours))
    return node


def of(code: str, now: datetime) -> list[Ranked]:
    return [ranked_need for ranked_need in attention(now) if ranked_need.need.code == code]


@pytest.mark.django_db
def test_an_expired_root_comes_first_as_the_cause_of_others(site_directory: Path) -> None:
    now = Certificate.objects.get(kind="root").not_after + timedelta(days=1)
    for number in range(3):
        silent_node(f"rim{number}", hours=30, now=now)
    first, *rest = attention(now)
    assert (first.need.code, first.need.severity, first.explained_by) == ("root-expired", "critical", "")
    assert "Recreate the root" in first.need.remedy
    assert {ranked_need.explained_by for ranked_need in rest if ranked_need.need.code == "node-silent"} == {first.need.title}
    assert {ranked_need.need.code for ranked_need in rest if not ranked_need.explained_by}.isdisjoint(OF_THE_ROOT)


@pytest.mark.django_db
@pytest.mark.parametrize(("hours", "expected"), [((30, 40), 1), ((0, 40), 0), ((40,), 0)], ids=["all", "one calls", "there is only one"])
def test_if_no_node_calls_that_is_one_need_with_network_first(hours: tuple[int, ...], expected: int) -> None:
    for number, silent_hours in enumerate(hours):
        silent_node(f"rim{number}", hours=silent_hours, now=NOW)
    found = of("no-node-calls", NOW)
    assert len(found) == expected
    for ranked_need in found:
        assert ranked_need.need.since == NOW - timedelta(hours=30)
        assert "Do not recreate the root" in ranked_need.need.remedy
        assert ranked_need.need.url == "/settings/addresses/"
        assert all(silent.explained_by == ranked_need.need.title for silent in of("node-silent", NOW))


@pytest.mark.django_db
def test_many_nodes_of_an_expired_root_are_one_need(site_directory: Path) -> None:
    now = timezone.now()
    for number in range(5):
        node = silent_node(f"rim{number}", hours=0, now=now)
        Node.objects.filter(pk=node.pk).update(state="failed", failed_from="registered", state_reason="The root was recreated.")
        from_registered(node, now)
    (found,) = of("node-needs-redistribution", now)
    assert found.need.title == "5 nodes need a new password"


def from_registered(node: Node, now: datetime) -> None:
    record(actor=SYSTEM, action="node.transition", target=node, detail={"from": "registered", "to": "failed"}, now=now)


@pytest.mark.django_db
def test_the_api_lists_what_the_overview_shows(client: Client) -> None:
    silent_node("rim1", hours=30, now=timezone.now())
    assert client.get("/api/v1/attention/", secure=True).status_code == 401
    client.force_login(User.objects.create_user("nobody"))
    assert client.get("/api/v1/attention/", secure=True).status_code == 403
    client.force_login(User.objects.create_superuser("ann"))
    answer = client.get("/api/v1/attention/?page_size=1", secure=True).json()
    assert len(answer["results"]) == 1
    assert answer["next"]
    results = client.get("/api/v1/attention/", secure=True).json()["results"]
    assert all({*result} == PINNED | {"explained_by"} for result in results)
    page = client.get("/", secure=True).content.decode()
    assert all(re.sub("['&<>]", "", result["title"])[:20] in re.sub("&#x27;|['&<>]", "", page) for result in results)
    (silent,) = [result for result in results if result["code"] == "node-silent"]
    assert (silent["severity"], silent["subject"]) == ("critical", "rim1")


def test_every_code_is_documented() -> None:
    """A code, also of what a need explains, is every hyphenated word in quotes in the files that make needs, besides its registration."""
    root = Path(settings.BASE_DIR)
    sources = [
        *root.glob("*/attention.py"),
        *root.glob("*/*/attention.py"),
        root / "nodes/observation/caller_wording.py",
        root / "alerts/rules/causes.py",
    ]
    used = {code for path in sources for code in re.findall(r'"([a-z]+(?:-[a-z]+)+)"(?!:)', path.read_text())}
    documented = set(re.findall(r"^\| `([a-z-]+)` \|", (root / "docs/troubleshooting.md").read_text(), re.MULTILINE))
    assert used == documented == set(CODES)
