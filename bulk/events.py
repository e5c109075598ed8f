"""The events of bulk work in words. Each row has the usual events of its action."""

from audit.event_lines import wording_register, words_register
from audit.models import Event
from audit.object_pages import object_page_register
from bulk.models import BulkWork
from web.words import counted

object_page_register(BulkWork.objects.all(), "bulk:detail")
words_register({"bulk.cancelled": ("Cancelled. What was done stays", "orange")})


@wording_register("bulk.begun")
def begun(event: Event) -> tuple[str, str]:
    return f"Begun for {counted(int(event.detail['total']), 'row')}", "blue"


@wording_register("bulk.finished")
def finished(event: Event) -> tuple[str, str]:
    counts = ", ".join(f"{number} {state}" for state, number in sorted(event.detail.items()))
    return f"Finished: {counts}", "orange" if event.detail.keys() - {"done"} else "green"


@wording_register("bulk.secrets_shown")
def shown(event: Event) -> tuple[str, str]:
    return f"{counted(int(event.detail['count']), 'secret')} shown, and deleted", "blue"
