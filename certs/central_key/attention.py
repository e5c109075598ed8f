"""Needs of the central key."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.db.models import F, Q
from django.urls import reverse

from attention.needs import Look, Need, Severity, affected_register, codes_register, needs_register
from attention.together import Keys
from certs.central_key.services import central_keys_proved
from certs.models import CentralKey
from certs.states import CentralKeyStatus
from pki.core import clocks
from sealing.central_key_file import WAY_OUT, central_keys
from sealing.errors import ZoneBroken

SEALING_PATIENCE = timedelta(hours=1)

codes_register(
    {
        "central-key-unusable": "the central key file is missing, damaged or too old",
        "resealing-blocked": "encrypting values with the central key cannot continue",
    }
)


@affected_register("central key", varies=True)
def affected(now: datetime) -> Keys:
    """Versions whose key is not in the file, and a new one with which encrypting has stopped."""
    try:
        known = [*central_keys()]
    except ZoneBroken:
        known = []
    stopped = Q(status=CentralKeyStatus.WRITING, finished_at=None) & (~Q(problem="") | Q(created_at__lt=now - SEALING_PATIENCE))
    return CentralKey.objects.live().filter(~Q(key_id__in=known) | stopped).values(key=F("pk"))


@needs_register
def needs(look: Look) -> Iterator[Need]:
    """The key cannot be used, or encrypting with a new version has stopped."""
    now = look.now
    version = CentralKey.objects.writing() if look.has("central key") else None
    url = reverse("database_key:show")
    if version is None:
        return
    try:
        central_keys_proved()
    except ZoneBroken as exc:
        text, remedy = str(exc).removesuffix(WAY_OUT).strip(), WAY_OUT
        yield Need(
            "central-key-unusable", Severity.CRITICAL, "central key", "The central key cannot be used", text, remedy, url, "Show key"
        )
        return
    if version.finished_at or not (version.problem or now - version.created_at > SEALING_PATIENCE):
        return
    text = version.problem or f"It began {clocks.relative(version.created_at, now)} and has not finished."
    remedy = (
        "Fix the cause. The work is then tried again automatically." if version.problem else "Check that the worker runs, and read its log."
    )
    title = "Encrypting with the new central key does not continue"
    yield Need("resealing-blocked", Severity.CRITICAL, "central key", title, text, remedy, url, "Show key", version.created_at)
