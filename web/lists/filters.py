"""Filters of lists. A list declares its filters once: its page shows them as a form, and the API has them as parameters."""

import uuid
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any

import django_filters
from django import forms
from django.db.models import Q, QuerySet
from django.utils import timezone

LONGEST_SEARCH, SHORTEST_NUMBER = 100, 8
HEXADECIMAL = set("0123456789abcdef")
MOST_SUGGESTIONS = 20
WITHIN_DAYS = {"30": 30, "90": 90, "365": 365}
EXPIRY = [
    ("expired", "expired"),
    ("30", "within 30 days"),
    ("90", "within 90 days"),
    ("365", "within a year"),
    ("later", "later than a year"),
]


class ListFilter(django_filters.FilterSet):
    """The filters of a list. The page, not the API, uses the `initial` value of a filter that its address does not have.

    `tabs` names filters that choose another list rather than fewer rows: the link that clears the filters keeps them.
    """

    tabs: tuple[str, ...] = ()

    @classmethod
    def of_page(cls, given: Any, rows: "QuerySet[Any]") -> "tuple[ListFilter, dict[str, list[str]]]":
        """The filters of a page, and why some values of its address are ignored. A filter without a valid value has its default."""
        wrong = cls(given, queryset=rows).form.errors
        kept = given.copy()
        for name, declared in cls.base_filters.items():
            if name in wrong:
                del kept[name]
            if "initial" in declared.extra and name not in kept:
                kept[name] = declared.extra["initial"]
        return cls(kept, queryset=rows), {str(cls.base_filters[name].label): [str(text) for text in wrong[name]] for name in wrong}


class Search(django_filters.CharFilter):
    """Rows with a number in one of `numbers` that begins with the text. If there is none, rows with the text anywhere in one of `names`.

    `also` returns a further condition for the text.
    """

    def __init__(self, *names: str, numbers: Iterable[str] = (), also: Callable[[str], Q] | None = None, help_text: str = "") -> None:
        widget = forms.TextInput(attrs={"class": "form-control", "type": "search"})
        super().__init__(label="Search", max_length=LONGEST_SEARCH, widget=widget, help_text=help_text)
        self.names, self.numbers, self.also = names, tuple(numbers), also

    def filter(self, rows: "QuerySet[Any]", value: str) -> "QuerySet[Any]":
        if not value:
            return rows
        number = value.replace(":", "").replace(" ", "").lower()
        if self.numbers and len(number) >= SHORTEST_NUMBER and set(number) <= HEXADECIMAL:
            # A range, which an index can find. No digit is greater than f.
            ranges = (Q((f"{name}__gte", number), (f"{name}__lt", f"{number}g")) for name in self.numbers)
            found = rows.filter(Q(*ranges, _connector=Q.OR))
            if found.exists():
                return found
        conditions = [Q((f"{name}__icontains", value)) for name in self.names]
        return rows.filter(Q(*conditions, *([self.also(value)] if self.also else []), _connector=Q.OR))


class Choice(django_filters.ChoiceFilter):
    """One of `choices`. `empty` is the word for no choice. A list with an `initial` choice has none."""

    def __init__(self, label: str, choices: Iterable[tuple[str, str]], *, empty: str | None = None, **options: Any) -> None:
        widget = forms.Select(attrs={"class": "form-select"})
        super().__init__(label=label, choices=[*choices], empty_label=empty, **{"widget": widget} | options)


class Expiry(Choice):
    """When something expires."""

    def __init__(self, field_name: str = "not_after") -> None:
        super().__init__("Expires", EXPIRY, empty="at any time", field_name=field_name)

    def filter(self, rows: "QuerySet[Any]", value: str) -> "QuerySet[Any]":
        if not value:
            return rows
        now, name = timezone.now(), self.field_name
        if value == "expired":
            return rows.filter(**{f"{name}__lt": now})
        if value == "later":
            return rows.filter(**{f"{name}__gt": now + timedelta(days=365)})
        return rows.filter(**{f"{name}__range": (now, now + timedelta(days=WITHIN_DAYS[value]))})


class _SuggestedField(forms.CharField):
    def get_bound_field(self, form: forms.BaseForm, field_name: str) -> forms.BoundField:
        """The field suggests names while you type: the list of the field is filled from the address of the page."""
        self.widget.attrs |= {
            "list": f"{field_name}-options", "hx-get": f"?suggest={field_name}", "hx-trigger": "focus once, input changed delay:200ms",
            "hx-target": f"#{field_name}-options", "hx-sync": "this:replace",
        }  # fmt: skip
        return super().get_bound_field(form, field_name)


class Suggested(django_filters.CharFilter):
    """A text for which the page suggests values while you type: `suggest` returns those that begin with a text, each once."""

    field_class: type[forms.Field] = _SuggestedField

    def __init__(self, label: str, *, suggest: Callable[[str], "QuerySet[Any]"], **options: Any) -> None:
        widget = forms.TextInput(attrs={"class": "form-control", "autocomplete": "off", "spellcheck": "false"})
        super().__init__(label=label, max_length=LONGEST_SEARCH, widget=widget, **options)
        self.suggest = suggest

    def suggestions(self, text: str) -> list[str]:
        return [*self.suggest(text.strip()[:LONGEST_SEARCH])[:MOST_SUGGESTIONS]]


class _NamedField(_SuggestedField):
    """An identifier in the address is shown as the name of its object."""

    def __init__(self, *, name_of: Callable[[uuid.UUID], str | None], **options: Any) -> None:
        super().__init__(**options)
        self.name_of = name_of

    def prepare_value(self, value: Any) -> Any:
        key = as_uuid(value or "")
        return (key and self.name_of(key)) or value


class Named(Suggested):
    """Rows that belong to an object, which is chosen by its name, or by its identifier. `name_of` returns the name of an identifier."""

    field_class = _NamedField

    def __init__(
        self, label: str, *, key: str, name: str, suggest: Callable[[str], "QuerySet[Any]"], name_of: Callable[[uuid.UUID], str | None]
    ) -> None:
        super().__init__(label, suggest=suggest, name_of=name_of, help_text="a name, or a UUID")
        self.key, self.name = key, name

    def filter(self, rows: "QuerySet[Any]", value: str) -> "QuerySet[Any]":
        if not value:
            return rows
        found = as_uuid(value)
        return rows.filter(**{self.key: found} if found else {self.name: value})


def as_uuid(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None
