"""Needs of names that two holders have. They come from versions without the register of names."""

from collections.abc import Iterator
from datetime import datetime

from django.db.models import F

from attention.needs import Look, Need, Severity, affected_register, codes_register, needs_register
from attention.together import Keys
from certs.models import NameHolder
from certs.names.services import disputes

codes_register(
    {
        "name-disputed": "two nodes, or a node and an export, have the same name",
    }
)


@affected_register("name-disputed")
def disputed(now: datetime) -> Keys:
    return NameHolder.objects.filter(disputed=True).order_by().values(key=F("pk"))


@needs_register
def needs(look: Look) -> Iterator[Need]:
    """One need for each disputed holder of a name."""
    for dispute in disputes() if look.has("name-disputed") else ():
        yield Need(
            "name-disputed",
            Severity.WARNING,
            dispute.name,
            f"{dispute.name} has more than one holder",
            str(dispute),
            dispute.remedy,
            dispute.holders[0].url,
            "Show holder",
            dispute.since,
            key=dispute.holders[0].words,
        )
