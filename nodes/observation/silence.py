"""Silence of nodes."""

from datetime import datetime

from nodes.models import SILENT_AFTER, Node


def last_call(node: Node, now: datetime) -> datetime:
    """When the node called last, or its registration if it never called."""
    return node.observed.last_seen_at if node.observed else node.registered_at or now


def is_silent(node: Node, now: datetime) -> bool:
    """Whether a registered node has not called for too long."""
    return now - last_call(node, now) >= SILENT_AFTER
