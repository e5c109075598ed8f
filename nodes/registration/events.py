"""Wording of the events of a registration."""

from audit.event_lines import wording_register, words_register
from audit.models import Event
from web.words import counted

words_register(
    {
        "registration.password_shown": ("Registration password shown", "blue"),
        "registration.password_repeated": ("Registration password shown again", "orange"),
    }
)


@wording_register("registration.wrong_passwords")
def wrong_passwords(event: Event) -> tuple[str, str]:
    count = event.detail.get("count", 0)
    return f"{counted(count, 'wrong password')} entered on the node (of 10)", "orange"
