"""Needs of the central key."""

from collections.abc import Iterator
from datetime import timedelta

from django.urls import reverse

from attention.needs import Look, Need, Severity, codes_register, needs_register
from certs.central_key.services import central_keys_live, central_keys_proved
from certs.states import CentralKeyStatus
from pki.core import clocks
from sealing.central_key_file import WAY_OUT
from sealing.errors import ZoneBroken

SEALING_PATIENCE = timedelta(hours=1)

codes_register(
    {
        "central-key-unusable": "the central key file is missing, damaged or too old",
        "resealing-blocked": "encrypting values with the central key cannot continue",
    }
)


@needs_register
def needs(look: Look) -> Iterator[Need]:
    """The key cannot be used, or encrypting with a new version has stopped."""
    now = look.now
    version = next((key for key in central_keys_live() if key.status == CentralKeyStatus.WRITING), None)
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
