"""A line of history as a person reads it, and the lines of certificates and exports."""

from dataclasses import dataclass
from datetime import datetime

from audit.models import Event

CERTIFICATE_ENTERED = {
    "issued": ("certificate signed", "green"), "superseded": ("certificate superseded", "grey"),
    "revoked": ("certificate revoked", "grey"), "failed": ("certificate was not made", "red"),
}  # fmt: skip
EXPORT_ENTERED = {
    "requested": ("Renewal asked for", "blue"),
    "made": ("Keys, certificates and files made", "green"),
    "failed": ("It could not be made", "red"),
    "revoked": ("Revoked", "red"),
}
EXPORT_SAID = {
    "export.requested": ("Export asked for", "blue"),
    "export.downloaded": ("Files downloaded", "blue"),
    "export.archive_wiped": ("Files wiped, a day after they were made", "grey"),
}


@dataclass(frozen=True)
class Line:
    """One line of history."""

    at: datetime
    text: str
    colour: str
    actor: str
    reason: str = ""


def line(event: Event, kind: str = "") -> Line:
    """One event in words; `kind` is a certificate's. What is not known here is shown by its name rather than hidden."""
    to, reason = str(event.detail.get("to", "")), str(event.detail.get("reason") or "")
    if event.action == "certificate.transition":
        text, colour = CERTIFICATE_ENTERED.get(to, (f"certificate {to}", "grey"))
        text = f"{kind.capitalize()} {text}"
    elif event.action == "export.transition":
        text, colour = EXPORT_ENTERED.get(to, (f"Became {to}", "grey"))
    else:
        text, colour = EXPORT_SAID.get(event.action, (event.action.replace(".", " ").replace("_", " "), "grey"))
    return Line(event.at, text, colour, event.actor, reason)
