"""Which node a rotation of the root waits for: a table over what a node reports and what was issued to it."""

import hashlib
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from certs.models import Rotation
from nodes.models import Node, Observation, Registration
from nodes.rotations.root_nodes import Phase, awaited, nodes_in, phase_of
from tests import factories

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
OLD, NEW, PK = "old", "new", uuid.uuid4()
MADE = NOW - timedelta(hours=1)


def sha256(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()


def rotation(**fields: Any) -> Rotation:
    """A rotation from the old root to the new one, which was signed an hour ago."""
    old, new = (
        factories.certificate("root", holder_id=None, at=MADE, sha256=sha256(f"{name}-root"), generation=number, lease_until=MADE)
        for number, name in enumerate((OLD, NEW))
    )
    return Rotation.objects.create(kind="root", to_version=1, from_root=old, to_root=new, created_at=MADE, **fields)


def take_part(
    of: Rotation,
    name: str = "rim1",
    *,
    state: str = "registered",
    known: bool = True,
    trusts: tuple[str, ...] = ("old-root", "new-root"),
    issued: tuple[tuple[int, str], ...] = ((2, NEW),),
    installed: str = "service-2",
    served: str | None = "service-2",
    further: dict[str, str] | None = None,
    listening: bool = True,
    ceremony: datetime | None = None,
    heard: bool = True,
) -> Node:
    """A node of generation 2; `issued` are its certificates in force: generation and issuer. The one before was of the old root."""
    node = factories.node(name, at=NOW, state=state, generation=2, registered_at=NOW if known else None)
    if heard:
        presented = {name: certificate and sha256(certificate) for name, certificate in {"service": served, **(further or {})}.items()}
        report = {"trusts": [sha256(root) for root in trusts], "installed": {"service": sha256(installed)}, "served": presented}
        Observation.objects.create(node=node, last_seen_at=NOW, listening=listening, **report)
    if ceremony:
        Registration.objects.create(node=node, generation=2, created_at=ceremony, expires_at=NOW)
    certificate = {"holder_id": node.pk, "at": MADE, "database_key_version": 1}
    for number, issuer in issued:
        root = of.to_root if issuer == NEW else of.from_root
        factories.certificate("service", generation=number, issuer=root, sha256=sha256(f"service-{number}"), **certificate)
    if not any(number == 1 for number, _ in issued):
        gone = {"sha256": sha256("service-1"), "status": "superseded"}
        factories.certificate("service", generation=1, issuer=of.from_root, **gone, **certificate)
    return node


BEFORE, AFTER = MADE - timedelta(minutes=1), MADE + timedelta(minutes=1)
# what is so: (trusts, presents)
TABLE = {
    "proved": ({}, (True, True)),
    "does not listen": ({"listening": False, "served": None}, (True, True)),
    "has not called": ({"heard": False}, (False, False)),
    "trusts the old root alone": ({"trusts": ("old-root",), "issued": ((2, OLD),)}, (False, False)),
    "not renewed yet": ({"issued": ((2, OLD),)}, (True, False)),
    "renewed and not proved": ({"issued": ((1, OLD), (2, NEW))}, (True, False)),
    "serves the old one": ({"served": "service-1"}, (True, False)),
    "serves nothing": ({"served": None}, (True, False)),
    "as of an old snapshot": ({"installed": "service-1", "served": "service-1"}, (True, False)),
    "a service presents the old one": ({"further": {"proxy": "service-1"}}, (True, False)),
    "a service presents a certificate of others": ({"further": {"proxy": "another"}}, (True, True)),
    "failed": ({"state": "failed"}, (True, False)),
    "joins with a package of before": ({"state": "awaiting_password", "known": False, "heard": False, "ceremony": BEFORE}, (False, True)),
    "joins with a package of after": ({"state": "awaiting_password", "known": False, "heard": False, "ceremony": AFTER}, (True, True)),
    "joins, made by the old root": (
        {"state": "awaiting_password", "known": False, "heard": False, "ceremony": AFTER, "issued": ((2, OLD),)}, (True, False),
    ),
    "joins, nothing made yet": ({"state": "issuing", "known": False, "heard": False, "ceremony": AFTER, "issued": ()}, (True, False)),
    "redistributed, package of before": ({"state": "awaiting_password", "ceremony": BEFORE, "issued": ((1, OLD), (2, OLD))}, (False, False)),
    "redistributed, package of after": ({"state": "awaiting_password", "ceremony": AFTER, "issued": ((1, OLD), (2, NEW))}, (True, False)),
    "redistributed, has not heard of it": ({"state": "verifying", "ceremony": AFTER, "trusts": ("old-root",)}, (False, False)),
}  # fmt: skip


@pytest.mark.django_db
@pytest.mark.parametrize(("fields", "expected"), TABLE.values(), ids=TABLE)
def test_what_a_node_has_proved(fields: dict, expected: tuple[bool, bool]) -> None:
    of = rotation()
    take_part(of, **fields)
    found = nodes_in(of).get()
    assert (found.trusts, found.presents) == expected
    assert tuple(not awaited(nodes_in(of), of, phase).exists() for phase in (Phase.TRUSTING, Phase.ISSUING)) == expected


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("fields", "outdated"),
    [({}, False), ({"issued": ((2, OLD),)}, True), ({"installed": "service-1"}, True), ({"served": "service-1"}, False), ({"heard": False}, True),
     ({"state": "verifying", "issued": ((2, OLD),)}, False)],
)  # fmt: skip
def test_who_is_renewed(fields: dict, outdated: bool) -> None:
    of = rotation()
    take_part(of, **fields)
    assert nodes_in(of).filter(outdated=True).exists() is outdated


@pytest.mark.django_db
def test_those_awaited_are_the_same_one_by_one_and_together() -> None:
    of = rotation()
    for number, (fields, _) in enumerate(TABLE.values()):
        take_part(of, f"rim{number}", **fields)
    excluded = Node.objects.get(name="rim3")
    of.excluded = [{"id": str(excluded.pk), "name": excluded.name}]
    for phase in (Phase.TRUSTING, Phase.ISSUING):
        waits = {found.pk for found in nodes_in(of) if not (found.presents if phase == Phase.ISSUING else found.trusts)}
        one_by_one = waits - {excluded.pk}
        assert excluded.pk in waits
        assert {node.pk for node in awaited(nodes_in(of), of, phase)} == one_by_one


@pytest.mark.django_db
def test_before_there_is_a_new_root_nobody_has_it() -> None:
    of = rotation()
    take_part(of)
    of.to_root = None
    found = nodes_in(of).get()
    assert (found.trusts, found.presents) == (False, False)


@pytest.mark.django_db
def test_a_look_takes_as_many_queries_for_many_nodes() -> None:
    of, queries = rotation(), []
    for size in (3, 30):
        for number in range(Node.objects.count(), size):
            take_part(of, f"rim{number}", further={"proxy": "another"})
        with CaptureQueriesContext(
            connection,
        ) as captured:
            assert not awaited(nodes_in(of), of, Phase.ISSUING).exists()
        queries.append(len(captured))
    assert queries[0] == queries[1]


@pytest.mark.parametrize(
    ("fields", "phase"),
    [({}, "making"), ({"to_root_id": PK}, "trusting"), ({"to_root_id": PK, "switched_at": NOW}, "issuing"),
     ({"to_root_id": PK, "switched_at": NOW, "finished_at": NOW}, "finished"), ({"finished_at": NOW}, "finished")],
)  # fmt: skip
def test_the_phase_is_read_off_what_there_is(fields: dict, phase: str) -> None:
    assert phase_of(Rotation(kind="root", **fields)) == phase
