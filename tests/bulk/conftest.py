"""Nodes, and an action that tests can make fail."""

import uuid
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from audit.actors import Actor
from audit.record import record
from bulk import actions
from bulk.actions import Action, Done, Row, action_register, subject_of
from bulk.errors import ItemRefused
from bulk.models import BulkItem, BulkWork
from bulk.services import bulk_begin, bulk_preview
from nodes.models import Node
from tests import factories

NOW = datetime(2026, 11, 24, tzinfo=UTC)


def _run(item: BulkItem, parameters: Mapping[str, Any], actor: Actor, now: datetime) -> Done:
    """Write into the node, then do what its name says."""
    node = subject_of(item, Node.objects.all())
    Node.objects.filter(pk=node.pk).update(setup_url="done")
    record(actor=actor, action="node.changed", target=node, detail={}, now=now)
    if node.name.startswith("refused"):
        raise ItemRefused("It is in use. Wait.")
    if node.name.startswith("broken"):
        raise ZeroDivisionError
    return Done("It was done.", secret=f"secret of {node.name}")


@pytest.fixture
def action(monkeypatch: pytest.MonkeyPatch) -> Action:
    """It is refused for nodes named `no…` before it begins, for `refused…` by its service, and fails for `broken…`."""
    monkeypatch.setattr(actions, "_actions", dict(actions._actions))
    return action_register(
        Action(
            "nodes.try", "nodes.renew_node", "Try", "node", _run, list="nodes", secret="password", page="nodes:detail",
            rows=lambda pks, now: [
                Row(node.pk, node.name, "It may not. Ask first." if node.name.startswith("no") else "") for node in Node.objects.filter(pk__in=pks)
            ],
        )
    )  # fmt: skip


@pytest.fixture
def waits(action: Action, monkeypatch: pytest.MonkeyPatch) -> Action:
    """The same, as an action that waits for a network."""
    found = replace(action, atomic=False)
    monkeypatch.setitem(actions._actions, action.name, found)
    return found


@pytest.fixture
def ann(db: None) -> User:
    return factories.root_admin("ann")


def acts(user: User) -> Actor:
    return Actor("user", user.username, user)


def nodes(*names: str) -> list[uuid.UUID]:
    return [factories.node(name, at=NOW).pk for name in names]


def begun(action: Action, user: User, *names: str, request: uuid.UUID | None = None) -> BulkWork:
    preview = bulk_preview(actor=acts(user), action=action, subjects=nodes(*names), now=NOW)
    return bulk_begin(
        actor=acts(user), action=action, items=preview.items(), parameters={}, request=request or uuid.uuid4(), now=timezone.now()
    )


def results(work: BulkWork) -> list[tuple[str, str]]:
    return list(work.items.values_list("label", "state"))
