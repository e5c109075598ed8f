"""Wording of the events of renewals."""

from audit.event_lines import wording_register, words_register
from audit.models import Event

ENTERED = {
    "offered": ("New certificates are ready for the node to fetch", "blue"),
    "proving": ("The node installed its new certificates", "green"),
    "proved": ("Renewal verified by a TLS handshake", "green"),
    "failed": ("Renewal failed", "red"),
}


words_register({"renewal.requested": ("Renewal requested", "blue")})


@wording_register("renewal.transition")
def transition(event: Event) -> tuple[str, str]:
    to = str(event.detail.get("to", ""))
    return ENTERED.get(to, (f"Renewal {to}", "grey"))
