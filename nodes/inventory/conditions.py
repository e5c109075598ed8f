"""Conditions of nodes that need attention, by the code of the need. The needs and the filter of the list use the same conditions."""

from collections.abc import Callable
from datetime import datetime

from django.db.models import Q
from django.urls import reverse

from attention.needs import Many
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


def many_nodes(code: str, title: str, text: str = "", remedy: str = "") -> Many:
    """The one line for many nodes with the need `code`. `title` has `{count}`."""
    return Many(title, f"{reverse('nodes:list')}?attention={code}", "Show nodes", text, remedy)
