"""The versions of agents, compared with the version of the console."""

import re
from functools import cache

from django.db.models import Q

from agent.version import VERSION
from nodes.models import Observation


@cache
def is_older(version: str) -> bool:
    """Whether an agent with this version is older than the console. Agents that report no version are."""
    return _numbers(version) < _numbers(VERSION)


def _numbers(version: str) -> list[int]:
    return [int(number) for number in re.findall("[0-9]+", version)]


def with_older_agent() -> Q:
    """Nodes whose agent is older than the console. An index has the few versions that occur."""
    versions = Observation.objects.order_by("version").values_list("version", flat=True).distinct()
    return Q(observation__version__in=[version for version in versions if is_older(version)])
