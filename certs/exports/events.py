"""Events of exports in words."""

from audit.event_lines import wording_register, words_register
from audit.models import Event
from audit.object_pages import object_page_register
from certs.models import Export

object_page_register(Export.objects.all(), "exports:detail")

ENTERED = {
    "requested": ("Renewal requested", "blue"),
    "made": ("Keys, certificates and files made", "green"),
    "failed": ("It could not be made", "red"),
    "revoked": ("Revoked", "red"),
}
words_register(
    {
        "export.requested": ("Export requested", "blue"),
        "export.role-given": ("Role given", "blue"),
        "export.role-taken": ("Role taken away", "blue"),
        "export.refused": ("Call refused", "orange"),
        "export.downloaded": ("Files downloaded", "blue"),
        "export.archive_wiped": ("Files wiped, a day after they were made", "grey"),
    }
)


@wording_register("export.transition")
def transition(event: Event) -> tuple[str, str]:
    to = str(event.detail.get("to", ""))
    return ENTERED.get(to, (f"Became {to}", "grey"))
