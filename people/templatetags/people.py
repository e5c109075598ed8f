"""Template tags of signing in."""

from django import template
from django.http import HttpRequest
from django.template import Context

from people.factors.doors import PASSKEY_REFUSED
from people.factors.passkeys import possible_at
from people.provider.models import IdentityProvider, provider_enabled
from people.sign_in.sessions import ended_reason

register = template.Library()


@register.simple_tag
def sign_in_provider() -> IdentityProvider | None:
    """The provider that the sign-in page offers."""
    return provider_enabled()


@register.simple_tag(takes_context=True)
def session_ended(context: Context) -> str:
    """Why the last session of this browser ended by itself."""
    request: HttpRequest = context["request"]
    return ended_reason(request)


@register.simple_tag(takes_context=True)
def passkey_refused(context: Context) -> str:
    """Why the passkey that was just used is not accepted."""
    request: HttpRequest = context["request"]
    return str(request.session.pop(PASSKEY_REFUSED, ""))


@register.simple_tag(takes_context=True)
def passkeys_possible(context: Context) -> bool:
    """Whether the address of this page allows passkeys."""
    return possible_at(context["request"])
