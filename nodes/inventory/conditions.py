"""Conditions of nodes that need attention, by the code of the need. The needs and the filter of the list use the same conditions."""

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

from django.db.models import Exists, OrderBy, Q
from django.urls import reverse

from attention.needs import Look, Many
from attention.once import once
from nodes.inventory.models import NodeQuerySet
from nodes.models import Node

Condition = Callable[[datetime], Q]
CONDITIONS: dict[str, Condition] = {}


def condition_register(code: str) -> Callable[[Condition], Condition]:
    """Register the decorated function, which returns the condition of the nodes with this need."""

    def register(condition: Condition) -> Condition:
        CONDITIONS[code] = condition
        return condition

    return register


def nodes_with(code: str, now: datetime) -> NodeQuerySet:
    """The nodes with the need `code`."""
    return Node.objects.filter(CONDITIONS[code](now))


@once
def _present(now: datetime) -> frozenset[str]:
    """The codes of needs that any node has. One query."""
    names = {code: code.replace("-", "_") for code in CONDITIONS}
    asked = {names[code]: Exists(nodes_with(code, now).order_by()) for code in CONDITIONS}
    found: Any = Node.objects.order_by().annotate(**asked).values_list(*asked).first()
    return frozenset(code for code, is_present in zip(CONDITIONS, found or (), strict=False) if is_present)


def worst_nodes(look: Look, code: str, order: OrderBy | str, many: Many) -> Iterator[Node]:
    """The worst nodes with the need `code`, with their observations; no query if no node has it."""
    if code in _present(look.now):
        yield from look.worst(nodes_with(code, look.now).select_related("observation").order_by(order, "pk"), many)


def many_nodes(code: str, title: str, text: str = "", remedy: str = "") -> Many:
    """The one line for many nodes with the need `code`. `title` has `{count}`."""
    return Many(title, f"{reverse('nodes:list')}?attention={code}", "Show nodes", text, remedy)
