"""How often nodes may call: the two limits, read and changed here."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime

from django.conf import settings
from django.db import transaction

from audit.actors import Actor
from audit.record import record
from certs.models import TrustZone
from certs.zone.services import zone_current, zone_founded, zone_locked
from web.errors import InputInvalid

PERMISSION = "certs.change_trustzone"
SHORTEST_S, LONGEST_S = 1, 3600  # the same in agents
DEFAULTS = {"least_s": 60, "most_s": 600}
VARIABLES = {"least_s": "QMC_HEARTBEAT_S", "most_s": "QMC_HEARTBEAT_MAX_S"}
COLUMNS = {"least_s": "heartbeat_s", "most_s": "heartbeat_max_s"}


@dataclass(frozen=True)
class CallLimits:
    """The fewest and the most seconds between two calls of a node."""

    least_s: int
    most_s: int


def overridden() -> dict[str, int]:
    """The limits that the environment sets, in seconds, by their name."""
    given = settings.INSTALLATION.given
    return {name: getattr(settings, variable) for name, variable in VARIABLES.items() if variable in given}


def call_limits() -> CallLimits:
    """The limits now: from the environment, the site's data, or the defaults."""
    zone = zone_founded()
    of_site = _of_site(zone) if zone else CallLimits(**DEFAULTS)
    return CallLimits(**asdict(of_site) | overridden())


def call_limits_of_site() -> CallLimits:
    """The limits in the site's data, or their defaults. The environment can override each. Raises: ZoneMissing."""
    return _of_site(zone_current())


def _of_site(zone: TrustZone) -> CallLimits:
    return CallLimits(**{name: getattr(zone, column) or DEFAULTS[name] for name, column in COLUMNS.items()})


@transaction.atomic
def call_limits_set(*, actor: Actor, limits: Mapping[str, int], now: datetime) -> CallLimits:
    """Change the limits in `limits`, in seconds; the other one stays. Nodes get them with the answer to their next call.

    Raises: PermissionRefused, InputInvalid, ZoneMissing.
    """
    actor.require(PERMISSION)
    zone = zone_locked()
    before = asdict(_of_site(zone))
    after = {**before, **limits}
    errors = {name: [f"Give {SHORTEST_S} to {LONGEST_S} seconds."] for name in limits if not SHORTEST_S <= limits[name] <= LONGEST_S}
    if not errors and after["least_s"] > after["most_s"]:
        errors = {"most_s": [f"Give at least {after['least_s']} seconds, the shortest time between two calls."]}
    if errors:
        raise InputInvalid(errors)
    changed = {name: {"from": before[name], "to": after[name]} for name in after if after[name] != before[name]}
    if changed:
        stored = {COLUMNS[name]: after[name] if after[name] != DEFAULTS[name] else None for name in changed}
        TrustZone.objects.filter(pk=zone.pk).update(**stored)
        record(actor=actor, action="calls.set", target=zone, detail=changed, now=now)
    return CallLimits(**after)
