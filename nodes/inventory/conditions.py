"""Conditions of nodes that need attention, by the code of the need. The needs and the filter of the list use the same conditions."""

from collections.abc import Callable
from datetime import datetime

from django.db.models import F, OrderBy, Q
from django.urls import reverse

from attention.needs import Many, affected_register
from attention.together import Keys
from nodes.inventory.models import NodeQuerySet
from nodes.models import Node

Condition = Callable[[datetime], Q]
CONDITIONS: dict[str, Condition] = {}


def nodes_observed() -> NodeQuerySet:
    """Nodes with what needs say of their reports."""
    return Node.objects.with_report("trusts", "installed", "served", "hook", "browser")


def condition_register(
    code: str, order: OrderBy | str, title: str, text: str = "", remedy: str = "", *, varies: bool = False
) -> Callable[[Condition], Condition]:
    """Register the decorated function, which returns the condition of the nodes with this need. `order`: the worst first.

    `title` is of the one line for many such nodes and has `{count}`. `varies`: see `affected_register`.
    """

    def register(condition: Condition) -> Condition:
        def many() -> Many:
            return Many(title, f"{reverse('nodes:list')}?attention={code}", "Show nodes", text, remedy)

        def keys(now: datetime) -> Keys:
            return Node.objects.filter(condition(now)).order_by(order, "pk").values(key=F("pk"))

        CONDITIONS[code] = condition
        affected_register(code, nodes_observed, many, varies=varies)(keys)
        return condition

    return register
