"""The types of new private keys: read, and changed here."""

from collections.abc import Mapping
from datetime import datetime

from django.conf import settings
from django.db import transaction

from audit.actors import Actor
from audit.record import record
from certs.keys.policy import SELECTABLE
from certs.models import TrustZone
from certs.zone.services import zone_current, zone_founded, zone_locked
from pki.core.keys import DEFAULT_KEY_TYPES, KeyType
from pki.core.roles import Kind
from web.errors import InputInvalid

PERMISSION = "certs.change_trustzone"


def key_type(kind: Kind) -> KeyType:
    """The type of new keys of `kind`: from QMC_KEY_TYPES, the site's data, or the default."""
    if kind in settings.QMC_KEY_TYPES:
        return KeyType(settings.QMC_KEY_TYPES[kind])
    zone = zone_founded()
    return KeyType(zone.key_types.get(kind, DEFAULT_KEY_TYPES[kind])) if zone else DEFAULT_KEY_TYPES[kind]


def key_types_of_site() -> dict[Kind, KeyType]:
    """The type of each kind in the site's data, or its default. The environment can override it. Raises: ZoneMissing."""
    return _types(zone_current())


def _types(zone: TrustZone) -> dict[Kind, KeyType]:
    stored = zone.key_types
    return {Kind(kind): KeyType(stored.get(kind, DEFAULT_KEY_TYPES[Kind(kind)])) for kind in SELECTABLE}


@transaction.atomic
def key_types_set(*, actor: Actor, types: Mapping[str, str], now: datetime) -> dict[Kind, KeyType]:
    """Change the types in `types`, by the kind of certificate; the others stay. Keys that exist do not change.

    Raises: PermissionRefused, InputInvalid, ZoneMissing.
    """
    actor.require(PERMISSION)
    errors = {kind: [f"Choose one of {', '.join(SELECTABLE[kind])}."] for kind in types if types[kind] not in SELECTABLE[kind]}
    if errors:
        raise InputInvalid(errors)
    zone = zone_locked()
    before = _types(zone)
    after = before | {Kind(kind): KeyType(types[kind]) for kind in types}
    changed = {str(kind): {"from": str(before[kind]), "to": str(after[kind])} for kind in after if after[kind] != before[kind]}
    if changed:
        stored = {str(kind): str(found) for kind, found in after.items() if found != DEFAULT_KEY_TYPES[kind]}
        TrustZone.objects.filter(pk=zone.pk).update(key_types=stored)
        record(actor=actor, action="key_types.set", target=zone, detail=changed, now=now)
    return after
