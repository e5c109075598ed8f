"""Wording of the events of the central key."""

from audit.event_lines import wording_register, words_register
from audit.models import Event

words_register(
    {
        "central_key.made": ("Central key made", "green"),
        "central_key.rotated": ("New values are encrypted with this central key", "blue"),
        "central_key.finished": ("All values are encrypted with this central key", "green"),
    }
)
ENTERED = {"reading": ("Another central key encrypts new values", "grey"), "retired": ("Central key retired", "grey")}


@wording_register("central_key.transition")
def transition(event: Event) -> tuple[str, str]:
    return ENTERED[event.detail["to"]]
