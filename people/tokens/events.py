"""Wording of the events of tokens."""

from audit.event_lines import wording_register, words_register
from audit.models import Event
from audit.object_pages import object_page_register
from people.models import ApiToken
from pki.core.clocks import parsed, stamp
from web.words import listed

object_page_register(ApiToken.objects.all(), "people:token")

words_register({"token.refused": ("Token refused", "red")})


@wording_register("token.created")
def created(event: Event) -> tuple[str, str]:
    return f"Token created for {event.detail['user']}, with the scopes {listed(event.detail['scopes'])}", "green"


@wording_register("token.expiry-set")
def expiry(event: Event) -> tuple[str, str]:
    return f"Token of {event.detail['user']} expires on {stamp(parsed(event.detail['expires_at']))}", "blue"


@wording_register("token.revoked")
def revoked(event: Event) -> tuple[str, str]:
    return f"Token of {event.detail['user']} revoked", "orange"
