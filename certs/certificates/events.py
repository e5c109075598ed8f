"""Events of certificates in words."""

from audit.event_lines import wording_register, words_register
from audit.models import Event
from audit.object_pages import object_page_register
from certs.models import Certificate

object_page_register(Certificate.objects.all(), "certs:detail")

ENTERED = {
    "issued": ("certificate signed", "green"), "superseded": ("certificate superseded", "grey"),
    "revoked": ("certificate revoked", "grey"), "failed": ("certificate was not made", "red"),
}  # fmt: skip
words_register({"certificate.recorded": ("certificate recorded, before it is signed", "grey")})


@wording_register("certificate.transition")
def transition(event: Event) -> tuple[str, str]:
    to = str(event.detail.get("to", ""))
    return ENTERED.get(to, (f"certificate {to}", "grey"))
