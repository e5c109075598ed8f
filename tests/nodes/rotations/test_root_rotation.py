"""Which node a rotation of the root waits for: a table over what a node reports and what was issued to it."""

import uuid
from datetime import UTC, datetime, timedelta

import pytest

from certs.models import Certificate, Rotation
from nodes.models import Node, Observation
from nodes.rotations.root import NodeProgress, Phase, _node_progress, phase_of

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
OLD, NEW = uuid.uuid4(), uuid.uuid4()
MADE = NOW - timedelta(hours=1)
ROOT = Certificate(id=NEW, sha256="new-root", created_at=MADE, lease_until=MADE)


def progress(
    *,
    state: str = "registered",
    known: bool = True,
    trusts: tuple[str, ...] = ("old-root", "new-root"),
    issued: tuple[tuple[int, uuid.UUID], ...] = ((2, NEW),),
    installed: str | None = "service-2",
    served: str | None = "service-2",
    listening: bool = True,
    ceremony: datetime | None = None,
    heard: bool = True,
    excluded: bool = False,
) -> NodeProgress:
    """A node of generation 2; `issued` are its certificates in force: generation and issuer."""
    node = Node(state=state, generation=2, registered_at=NOW if known else None)
    if not heard:
        Node._meta.get_field("observation").set_cached_value(node, None)  # type: ignore[attr-defined]
    else:
        report = {"trusts": list(trusts), "installed": {"service": installed}, "served": {"service": served}, "listening": listening}
        node.observation = Observation(node=node, last_seen_at=NOW, **report)
    own = [Certificate(kind="service", generation=number, issuer_id=issuer, sha256=f"service-{number}") for number, issuer in issued]
    return _node_progress(node, ROOT, own, {"service-1"}, ceremony, {"name": "it"} if excluded else None)


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


@pytest.mark.parametrize(("fields", "expected"), TABLE.values(), ids=TABLE)
def test_what_a_node_has_proved(fields: dict, expected: tuple[bool, bool]) -> None:
    found = progress(**fields)
    assert (found.trusts, found.presents) == expected
    assert (not found.is_awaited(Phase.TRUSTING), not found.is_awaited(Phase.ISSUING)) == expected


def test_who_is_excluded_is_not_waited_for() -> None:
    found = progress(trusts=("old-root",), issued=((2, OLD),), excluded=True)
    assert not found.is_awaited(Phase.TRUSTING)
    assert not found.is_awaited(Phase.ISSUING)


@pytest.mark.parametrize(
    ("fields", "phase"),
    [({}, "making"), ({"to_root_id": NEW}, "trusting"), ({"to_root_id": NEW, "switched_at": NOW}, "issuing"),
     ({"to_root_id": NEW, "switched_at": NOW, "finished_at": NOW}, "finished"), ({"finished_at": NOW}, "finished")],
)  # fmt: skip
def test_the_phase_is_read_off_what_there_is(fields: dict, phase: str) -> None:
    assert phase_of(Rotation(kind="root", **fields)) == phase
