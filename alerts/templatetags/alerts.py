"""Template tag: the number of open alerts, for the menu."""

from django import template
from django.template import Context

from alerts.models import Alert
from alerts.states import AlertState

register = template.Library()


@register.simple_tag(takes_context=True)
def open_alerts(context: Context) -> int:
    """The number of open alerts; 0 for people who may not see them."""
    if not context["request"].user.has_perm("alerts.view_alert"):
        return 0
    return Alert.objects.filter(state=AlertState.OPEN).count()
