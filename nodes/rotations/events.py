"""Wording of the events of rotations."""

from audit.event_lines import wording_register, words_register
from audit.models import Event
from audit.object_pages import object_page_register
from certs.models import CentralKey, DatabaseKey, Rotation

object_page_register(Rotation.objects.filter(kind=Rotation.Kind.ROOT), "roots:show", is_shared=True)
object_page_register(Rotation.objects.filter(kind=Rotation.Kind.DATABASE_KEY), "database_key:show", is_shared=True)
object_page_register(DatabaseKey.objects.all(), "database_key:show", is_shared=True)
object_page_register(CentralKey.objects.all(), "database_key:show", is_shared=True)

words_register(
    {
        "rotation.started": ("Rotation started", "blue"),
        "rotation.paused": ("Rotation paused", "orange"),
        "rotation.resumed": ("Rotation resumed", "blue"),
        "rotation.rolled_back": ("Rotation rolled back: the old root issues again", "orange"),
    }
)


@wording_register("rotation.switched")
def switched(event: Event) -> tuple[str, str]:
    return f"From now on, {event.detail['root']} issues", "green"


@wording_register("rotation.finished")
def finished(event: Event) -> tuple[str, str]:
    dropped = event.detail.get("dropped")
    return f"Rotation finished{f', and {dropped} removed' if dropped else ''}", "green"


@wording_register("rotation.excluded")
def excluded(event: Event) -> tuple[str, str]:
    return f"{event.detail['node']} excluded from the rotation", "orange"
