"""Wording of the events of the cluster certificate."""

from audit.event_lines import wording_register, words_register
from audit.models import Event

words_register({"cluster.exported": ("Cluster certificate downloaded with its private key", "orange")})


@wording_register("deployment.token_signed")
def signed(event: Event) -> tuple[str, str]:
    return f"Test token signed for {event.detail['audience']}", "blue"
