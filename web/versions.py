"""The version of what was read, for pages and the API: if it has changed since, a change is refused."""

import json
from typing import Any

from django.utils.crypto import salted_hmac
from rest_framework.utils.encoders import JSONEncoder

# Members of answers that change without a change of the thing: what was observed of it, what follows from the clock, and the progress of work.
OBSERVED = frozenset({
    "online", "clock_offset_s", "agent_version", "agent_system", "last_seen_at", "last_used_at", "last_used_from", "last_sign_in_at", "state_reason", "proved_at",
    "days_left", "expiry_status", "needs", "progress", "done", "steps", "counts", "sequence", "checkpoint", "waiting", "delivered_at", "failing_since",
    "last_error", "next_attempt_at", "last_sent_at", "called_at", "error", "problem", "problems", "next_at", "nodes", "losing_contact", "losing", "preview",
    "people", "lacking", "messages",
})  # fmt: skip


def version_of(content: Any) -> str:
    """The version of `content`: a digest, from which nobody without the secret key of the site can guess the content."""
    return salted_hmac("web.versions", json.dumps(content, sort_keys=True, cls=JSONEncoder)).hexdigest()[:32]


def lasting(content: Any) -> Any:
    """`content` without the members that change by themselves."""
    if isinstance(content, dict):
        return {name: lasting(value) for name, value in content.items() if name not in OBSERVED}
    return [lasting(item) for item in content] if isinstance(content, list | tuple) else content
