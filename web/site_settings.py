"""The settings of the site. Each room registers its own, and the page *Settings* and the API show all of them."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from django.conf import settings as installation

from audit.actors import Actor


class Group(StrEnum):
    """The groups, in their order on the page."""

    SITE = "Site"
    CERTIFICATES = "Certificates"
    NODES = "Nodes"
    SIGN_IN = "Sign-in"
    ALERTS = "Alerts"
    RETENTION = "Retention"
    BACKUPS = "Backups"


class Origin(StrEnum):
    """Where a value comes from."""

    ENVIRONMENT = "environment"
    SITE_DATA = "site data"
    DEFAULT = "default"
    FIXED = "fixed"


@dataclass(frozen=True)
class Setting:
    """A setting in words. `name` identifies it. `changes` says what it changes, and `value` what it is now.

    `view` is the name of the page that changes it, and `actions` are the audit events of a change. `environment` is the variable that sets or overrides it.
    `from_environment` is whether the variable sets this value; None: it does if it exists. A setting with neither `view` nor `environment` is a fact that cannot be changed.
    In one group, settings with a lower `order` come first.
    """

    name: str
    group: Group
    title: str
    changes: str
    value: str
    default: str = ""
    view: str = ""
    actions: tuple[str, ...] = ()
    environment: str = ""
    from_environment: bool | None = None
    order: int = 50

    @property
    def origin(self) -> Origin:
        given = self.environment in installation.INSTALLATION.given if self.from_environment is None else self.from_environment
        if given:
            return Origin.ENVIRONMENT
        if not (self.view or self.environment):
            return Origin.FIXED
        return Origin.SITE_DATA if self.view and self.value != self.default else Origin.DEFAULT


Settings = Callable[[], Iterable[Setting]]
_registered: list[tuple[str, Settings]] = []


def settings_register(permission: str) -> Callable[[Settings], Settings]:
    """Register the decorated function, which yields the settings of its room, for people with `permission`."""

    def add(settings: Settings) -> Settings:
        _registered.append((permission, settings))
        return settings

    return add


def site_settings(actor: Actor) -> Iterator[Setting]:
    """Every setting that `actor` may see, group by group. Raises: ZoneMissing."""
    found = [setting for permission, settings in _registered if actor.has_perm(permission) for setting in settings()]
    groups = [*Group]
    yield from sorted(found, key=lambda setting: (groups.index(setting.group), setting.order))
