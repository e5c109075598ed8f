"""Wording of the events of routes."""

from alerts.models import Route
from audit.event_lines import words_register
from audit.object_pages import object_page_register

object_page_register(Route.objects.all(), "alerts:route")

words_register(
    {
        "route.created": ("Route created", "green"),
        "route.changed": ("Route changed", "blue"),
        "route.deleted": ("Route deleted", "grey"),
    }
)
