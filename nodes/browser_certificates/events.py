"""Wording of the events of browser certificates."""

from typing import Any

from audit.event_lines import wording_register, words_register
from audit.models import Event
from audit.object_pages import object_page_register
from nodes.browser_certificates.view_models import WHY
from nodes.models import BrowserCertificate

object_page_register(BrowserCertificate.objects.all(), "browser_certificates:detail")

words_register(
    {
        "browser_certificate.uploaded": ("Browser certificate uploaded", "green"),
        "browser_certificate.requested": ("Key and certificate request made", "blue"),
        "browser_certificate.answered": ("Certificate for the request uploaded", "green"),
        "browser_certificate.completed": ("More of the chain, or the key, uploaded", "blue"),
        "browser_certificate.replaced": ("Replaced by a newer certificate", "blue"),
        "browser_certificate.deleted": ("Browser certificate deleted with its key", "grey"),
    }
)


@wording_register("node.browser_certificate_chosen")
def chosen(event: Event) -> tuple[str, str]:
    return _chosen(event.detail), "blue"


@wording_register("node.browser_certificate_taken")
def taken(event: Event) -> tuple[str, str]:
    return _taken(str(event.detail.get("problem", "")))


def _chosen(detail: dict[str, Any]) -> str:
    if not detail["thumbprint"]:
        return "Browser certificate no longer chosen; the trust zone's certificate is used"
    return f"Browser certificate chosen: {detail['name'] or 'a certificate that is not in the console'}, {detail['thumbprint']}"


def _taken(problem: str) -> tuple[str, str]:
    if not problem:
        return "The node uses the chosen browser certificate", "green"
    return f"The node uses the trust zone's certificate for browsers instead: {WHY[problem][0]}", "orange"
