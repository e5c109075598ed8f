"""Template tag: the number of unfinished jobs, for the menu."""

from django import template
from django.template import Context

from qmc.jobs.services import jobs_visible

register = template.Library()
MOST = 99


@register.simple_tag(takes_context=True)
def unfinished_jobs(context: Context) -> str:
    """The number of unfinished jobs that the reader may see, at most 99+; "" if there is none."""
    number = jobs_visible(context["request"].actor).unfinished()[: MOST + 1].count()
    return f"{MOST}+" if number > MOST else str(number or "")
