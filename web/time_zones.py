"""Time zones that people choose."""

import functools
import zoneinfo

from django import forms

LONGEST = 60


@functools.cache
def time_zones() -> list[str]:
    """The time zones of this system, sorted. What is local to a machine is not among them."""
    return sorted(zoneinfo.available_timezones() - {"localtime", "Factory"})


def time_zone_problem(name: str) -> str:
    """What is wrong with the name of a time zone, with the remedy; "" if nothing is."""
    return "" if name in time_zones() else f"There is no time zone “{name[:LONGEST]}”. Use a name such as UTC or Europe/Berlin."


def time_zone_input(**attrs: str) -> forms.TextInput:
    """The input of a time zone. The page has `<c-time-zones />` beside it, with the names."""
    return forms.TextInput(attrs={"class": "form-control", "autocomplete": "off", "spellcheck": "false", "list": "time-zones"} | attrs)
