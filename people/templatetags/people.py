"""Template tags of signing in."""

from django import template
from django.http import HttpRequest
from django.template import Context

from people.sign_in.sessions import ended_reason

register = template.Library()


@register.simple_tag(takes_context=True)
def session_ended(context: Context) -> str:
    """Why the last session of this browser ended by itself."""
    request: HttpRequest = context["request"]
    return ended_reason(request)
