"""Template tags: the pages above a page, and the keys of a page of the menu."""

from django import template
from django.template import Context

from qmc.search.shortcuts import OF_VIEW
from qmc.search.view_models import Crumb
from qmc.search.view_models import crumbs as crumbs_of

register = template.Library()


@register.simple_tag(takes_context=True)
def crumbs(context: Context) -> list[Crumb]:
    """The pages above this one, from the list down. A page whose address does not say it gives `belongs_to`, the address of the page above."""
    request, above = context["request"], context.get("belongs_to")
    return crumbs_of(f"{above}page/" if above else request.path, actor=request.actor)


@register.simple_tag
def keys_of(view: str) -> str:
    """The keys that open this page; "" if there are none."""
    return OF_VIEW.get(view, "")
