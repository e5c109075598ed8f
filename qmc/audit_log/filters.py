"""The filters of the page of the audit log."""

from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

import django_filters
from django import forms

from audit.event_lines import actions, name_in_words
from audit.listing import EventFilter, name_of, names_found
from audit.models import Outcome
from web.forms import select
from web.lists.filters import Choice, ListFilter, Named, Search
from web.time_zones import time_zones

YEARS = (1970, 9998)  # in every time zone
FORMS = ("%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S")


def _actions() -> list[tuple[str, str]]:
    """This is read when a page is made, because all rooms have registered their words then."""
    return [(action, name_in_words(action)) for action in actions()]


class _MomentField(forms.CharField):
    """A time in the time zone of the form."""

    def clean(self, value: Any) -> datetime | None:
        text = super().clean(value)
        for form in FORMS if text else ():
            with suppress(ValueError):
                moment = datetime.strptime(text, form)  # noqa: DTZ007  (the filter adds the time zone)
                if YEARS[0] <= moment.year <= YEARS[1]:
                    return moment
        if text:
            raise forms.ValidationError("Enter a day and a time, such as 2026-12-24T22:00.")
        return None


class _Moment(django_filters.CharFilter):
    field_class = _MomentField

    def __init__(self, label: str) -> None:
        super().__init__(label=label, widget=forms.TextInput(attrs={"class": "form-control", "type": "datetime-local"}))


class AuditFilter(ListFilter):
    """Times are in the time zone that times.js fills in: the one that the reader chose, or that of the browser."""

    tabs = ("time_zone",)
    search = Search()
    actor = Named("Who", key="", name="", suggest=partial(names_found, "actor"), name_of=lambda key: None)
    action = django_filters.ChoiceFilter(choices=_actions, label="What", empty_label="anything", widget=select())
    target = Named("Object", key="", name="", suggest=partial(names_found, "target_label"), name_of=name_of)
    outcome = Choice("Outcome", [(outcome.value, outcome.value) for outcome in Outcome], empty="any")
    since = _Moment("From")
    until = _Moment("Until")
    request = django_filters.CharFilter(label="Request", max_length=40, widget=forms.HiddenInput())
    time_zone = django_filters.CharFilter(max_length=60, widget=forms.HiddenInput(attrs={"data-time-zone": ""}))

    @property
    def qs(self) -> EventFilter:
        """An unknown choice filters nothing."""
        self.form.is_valid()
        given = self.form.cleaned_data
        zone = ZoneInfo(given.get("time_zone") if given.get("time_zone") in time_zones() else "UTC")
        since, until = (given[name].replace(tzinfo=zone) if given.get(name) else None for name in ("since", "until"))
        texts = {name: given.get(name) or "" for name in ("actor", "action", "target", "search", "outcome")}
        # The last minute is a part of the range.
        return EventFilter(**texts, since=since, until=until and until + timedelta(minutes=1), request_id=given.get("request") or "")
