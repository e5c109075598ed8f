"""The addresses of the central node: the site's data, the overrides in the environment, and the service that changes them."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from django.conf import settings
from django.db import transaction

from audit.actors import Actor
from audit.record import record
from certs.models import TrustZone
from certs.zone.services import zone_current
from nodes.addresses.services import addresses_in_data, addresses_set, netlocs
from nodes.central.services import central_names_ensure
from pki.core.errors import InvalidName
from pki.core.origins import allowed_host, origin
from qmc.addresses.names import names_forget
from qmc.installation import ROWS, as_text
from web.errors import InputInvalid

MOST = 50
PERMISSION = "certs.change_trustzone"


@dataclass(frozen=True)
class SiteAddresses:
    """The addresses in the site's data."""

    node_api_addresses: list[str]
    base_url: str
    allowed_hosts: list[str]
    trusted_origins: list[str]


def site_addresses() -> SiteAddresses:
    """Raises: ZoneMissing."""
    zone = zone_current()
    return SiteAddresses(netlocs(addresses_in_data()), zone.base_url, zone.allowed_hosts, zone.trusted_origins)


def overridden() -> dict[str, str]:
    """Environment variable → its value, for each variable that overrides the site's data in this process."""
    values = {row.name: getattr(settings, row.name) for row in ROWS.values() if row.overrides}
    return {name: as_text(value) for name, value in values.items() if value}


def _checked(field: str, texts: Sequence[str], check: Callable[[str], str]) -> list[str]:
    found, wrong = [], []
    for text in texts:
        try:
            found.append(check(text))
        except InvalidName as exc:
            wrong.append(str(exc))
    if len(texts) > MOST:
        wrong.append(f"At most {MOST} are possible.")
    if wrong:
        raise InputInvalid({field: wrong})
    return list(dict.fromkeys(found))


@transaction.atomic
def site_addresses_set(*, actor: Actor, requested: SiteAddresses, now: datetime) -> SiteAddresses:
    """Save the values that differ. Raises: PermissionRefused, InputInvalid, ZoneMissing."""
    actor.require(PERMISSION)
    before, errors = site_addresses(), dict[str, list[str]]()
    checked: dict[str, list[str]] = {}
    fields = {"base_url": [requested.base_url] if requested.base_url else [], "trusted_origins": requested.trusted_origins}
    for field, texts, check in [
        *((name, texts, origin) for name, texts in fields.items()),
        ("allowed_hosts", requested.allowed_hosts, allowed_host),
    ]:
        try:
            checked[field] = _checked(field, texts, check)
        except InputInvalid as exc:
            errors |= exc.errors
    try:
        if requested.node_api_addresses != before.node_api_addresses:
            addresses_set(actor=actor, texts=requested.node_api_addresses, now=now)
            central_names_ensure(for_whom=actor.label, now=now)
    except InputInvalid as exc:
        errors |= exc.errors
    if errors:
        raise InputInvalid(errors)
    after = SiteAddresses(
        site_addresses().node_api_addresses, (checked["base_url"] or [""])[0], checked["allowed_hosts"], checked["trusted_origins"]
    )
    changed = {name: {"from": was, "to": asdict(after)[name]} for name, was in asdict(before).items() if was != asdict(after)[name]}
    changed.pop("node_api_addresses", None)  # it has an event of its own
    if changed:
        zone = zone_current()
        TrustZone.objects.filter(pk=zone.pk).update(**{name: change["to"] for name, change in changed.items()})
        record(actor=actor, action="console_names.set", target=zone, detail=changed, now=now)
    names_forget()
    return after
