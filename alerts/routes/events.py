"""Wording of the events of routes."""

from audit.event_lines import words_register

words_register(
    {
        "route.created": ("Route created", "green"),
        "route.changed": ("Route changed", "blue"),
        "route.deleted": ("Route deleted", "grey"),
    }
)
