"""Wording of the events of the addresses that nodes call."""

from audit.event_lines import wording_register
from audit.models import Event


@wording_register("addresses.set")
def changed(event: Event) -> tuple[str, str]:
    before, after = (", ".join(event.detail[name]) or "none" for name in ("from", "to"))
    return f"Addresses that nodes call changed from {before} to {after}", "blue"
