"""Wording of the events of a recreation."""

from audit.event_lines import wording_register, words_register
from audit.models import Event
from qmc.recreation.services import ASKED, COMPLETED, RECREATED
from web.words import counted

words_register(
    {
        ASKED: ("Recreation of the root requested", "orange"),
        COMPLETED: ("Recreation of the root completed", "green"),
        "rotation.ended": ("Rotation ended by a recreation of the root", "grey"),
    }
)


@wording_register(RECREATED)
def recreated(event: Event) -> tuple[str, str]:
    return f"Root recreated: {event.detail['root']}. {counted(event.detail['certificates'], 'certificate')} revoked", "orange"
