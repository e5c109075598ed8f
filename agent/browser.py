"""The browser certificate of a node: the chosen one while it can be used, else the node's service certificate (S1)."""

from datetime import datetime
from pathlib import Path

from cryptography import x509

from agent import handshake
from pki.core import names
from pki.foreign import browser_choice
from pki.foreign.browser_choice import BrowserChoice

CHOSEN = "browser/chosen.json"
WORDS = {
    browser_choice.NO_SUCH_THUMBPRINT: "the console has no certificate with this thumbprint",
    browser_choice.NO_PRIVATE_KEY: "its private key is not known to the console",
    browser_choice.UNREADABLE: "certificate or key cannot be read, or they do not belong together",
    browser_choice.EXPIRED: "it has expired",
    browser_choice.NOT_VALID_YET: "it is not valid yet, by this machine's clock",
    browser_choice.NAME_DOES_NOT_MATCH: "it has none of this node's names",
}


def problem(choice: BrowserChoice | None, service: x509.Certificate, *, folder: Path, now: datetime) -> str:
    """Why the node with this service certificate cannot use the chosen certificate, one of `WORDS`; "" if it can, or if none is chosen.

    OpenSSL must load the certificate and complete a handshake with it. `folder` is private.
    """
    if choice is None:
        return ""
    named = service.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    why = browser_choice.usable(choice, names=names.san_strings(named), now=now)
    if not why and handshake.refusal(_bundle(choice), anchor=None, name="", folder=folder):
        return browser_choice.UNREADABLE
    return why


def _bundle(choice: BrowserChoice) -> bytes:
    return b"".join(part.rstrip() + b"\n" for part in (choice.private_key or b"", *choice.certificates))


def pem(choice: BrowserChoice | None, service: x509.Certificate, service_pem: bytes, *, folder: Path, now: datetime) -> bytes:
    """The content of browser.pem: key and chain of the chosen certificate while it can be used, else `service_pem`."""
    if choice is None or choice.private_key is None or problem(choice, service, folder=folder, now=now):
        return service_pem
    return _bundle(choice)


def description(choice: BrowserChoice | None, why: str) -> str:
    """For a person: which certificate browsers get."""
    if choice is None:
        return "the service certificate, because no other is chosen"
    if why:
        return f"the service certificate, because the chosen one ({choice.thumbprint}) cannot be used: {WORDS[why]}"
    return f"the chosen certificate {choice.thumbprint}"
