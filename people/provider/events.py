"""Wording of the events of the identity provider."""

from audit.event_lines import wording_register, words_register
from audit.models import Event
from audit.object_pages import object_page_register
from people.models import IdentityProvider
from web.words import listed

object_page_register(IdentityProvider.objects.all(), "provider:settings", is_shared=True)

words_register(
    {
        "person.linked": ("Account linked with an identity of the provider", "blue"),
        "person.unlinked": ("Link with an identity of the provider removed", "orange"),
    }
)


@wording_register("provider.changed")
def changed(event: Event) -> tuple[str, str]:
    return f"Identity provider changed: {listed([name.replace('_', ' ') for name in event.detail])}", "blue"
