"""The content of the page of all settings."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from django.db.models import Max
from django.urls import reverse

from audit.actors import Actor
from audit.models import Event
from web.page import may_open
from web.site_settings import Origin, Setting, site_settings
from web.words import counted

ORIGINS = {Origin.SITE_DATA: "set on this site", Origin.DEFAULT: "default", Origin.FIXED: "fixed"}


@dataclass(frozen=True)
class Change:
    """Who changed something, and when."""

    actor: str
    at: datetime


@dataclass(frozen=True)
class Line:
    """One setting. `url` is the page that changes it, for people who may open that page."""

    setting: Setting
    changed: Change | None
    url: str

    @property
    def origin(self) -> str:
        return f"{self.setting.environment} in the environment" if self.is_environment else ORIGINS[self.setting.origin]

    @property
    def is_environment(self) -> bool:
        return self.setting.origin == Origin.ENVIRONMENT

    @property
    def default(self) -> str:
        """The default, where it is not the value."""
        return self.setting.default if self.setting.default != self.setting.value else ""


@dataclass(frozen=True)
class GroupCard:
    title: str
    name: str
    lines: list[Line]


@dataclass(frozen=True)
class SettingsPage:
    """The settings that match a search, by group."""

    searched: str
    total: int
    groups: list[GroupCard]

    @property
    def count(self) -> str:
        found = sum(len(group.lines) for group in self.groups)
        return f"{found} of {counted(self.total, 'setting')}" if self.searched else counted(self.total, "setting")


def settings_page(searched: str, actor: Actor) -> SettingsPage:
    """Raises: ZoneMissing."""
    every = [*site_settings(actor)]
    found = [setting for setting in every if _matches(setting, searched.lower().split())]
    changes = last_changes(found, actor)
    lines = [Line(setting, changes.get(setting.name), _page(setting, actor)) for setting in found]
    groups = groupby(lines, key=lambda line: line.setting.group)
    return SettingsPage(searched, len(every), [GroupCard(group, group.lower().replace(" ", "-"), [*lines]) for group, lines in groups])


def _matches(setting: Setting, words: Iterable[str]) -> bool:
    text = " ".join((setting.group, setting.title, setting.changes, setting.value, setting.environment)).lower()
    return all(word in text for word in words)


def _page(setting: Setting, actor: Actor) -> str:
    return reverse(setting.view) if setting.view and may_open(actor, setting.view) else ""


def last_changes(settings: Sequence[Setting], actor: Actor) -> dict[str, Change]:
    """The last change of each setting, by its name, for people who may read the audit log. One query, by the index of actions."""
    if not actor.has_perm("audit.view_event"):
        return {}
    actions = {action for setting in settings for action in setting.actions}
    last = Event.objects.filter(action__in=sorted(actions)).order_by().values("action").annotate(last=Max("sequence")).values("last")
    events = Event.objects.filter(sequence__in=last).order_by("sequence").values_list("action", "actor", "at")
    found = {action: Change(who, at) for action, who, at in events}
    return {
        setting.name: changes[-1] for setting in settings if (changes := [found[action] for action in found if action in setting.actions])
    }
