"""Template tag: the numbers of the menu."""

from django import template
from django.db.models import Count, Value
from django.template import Context

from alerts.models import Alert
from alerts.states import AlertState
from qmc.jobs.services import jobs_visible

register = template.Library()
MOST = 99


@register.simple_tag(takes_context=True)
def menu_numbers(context: Context) -> dict[str, str]:
    """The open alerts and the unfinished jobs that the reader may see, by `alerts` and `jobs`: at most 99+. What has none is left out. One query."""
    actor = context["request"].actor
    jobs = jobs_visible(actor).unfinished().order_by().values_list(Value("jobs")).annotate(Count("pk"))
    alerts = Alert.objects.filter(state=AlertState.OPEN).order_by().values_list(Value("alerts")).annotate(Count("pk"))
    found = jobs.union(alerts, all=True) if actor.has_perm("alerts.view_alert") else jobs
    return {name: f"{MOST}+" if number > MOST else str(number) for name, number in found if number}
