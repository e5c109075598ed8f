"""The plugins of Apprise. Importing Apprise costs a third of a second, so only what checks or sends a chat message imports this."""

import logging
import re
from collections.abc import Mapping
from typing import Any

from apprise import Apprise, AppriseAsset, NotifyFormat, NotifyType
from apprise.plugins.base import NotifyBase
from apprise.result import AppriseResult, AppriseResultStatus
from apprise.utils.parse import parse_qsd
from django.utils.module_loading import import_string

from alerts.channels.chat.catalog import Service
from alerts.channels.kinds import Outgoing
from alerts.errors import NotSent
from attention.needs import Severity

TOTAL_S = 13.0
MARGIN = 20  # what Apprise keeps free between a title and a long text
TYPES = {Severity.CRITICAL: NotifyType.FAILURE, Severity.WARNING: NotifyType.WARNING, Severity.INFO: NotifyType.INFO}
ANSWERED = re.compile(r"\berror=(\d{3})\b")
# What requests and urllib3 call an attempt that ended before the request was sent.
NOT_CONNECTED = re.compile(r"NewConnectionError|NameResolutionError|ConnectTimeout|Tunnel connection failed|SSLCertVerificationError")
# Messages of these libraries have the URL, which is a secret. Apprise still collects its own for the result, at any level.
for library in ("apprise", "urllib3"):
    logging.getLogger(library).propagate = False
logging.getLogger("apprise").setLevel(logging.DEBUG)
# What parsing a service's own URL adds to the arguments that the person entered.
ADDED_ARGUMENTS = {"mode", "pa"}
# Templates are files and URLs that Apprise would read. A redirect leads to another host. Images would be loaded from Apprise's repository.
ASSET = AppriseAsset(
    app_id="Trust zone console",
    app_desc="Trust zone console",
    app_url="",
    image_url_mask="",
    image_url_logo="",
    http_redirects=False,
    allow_templates=False,
    pgp_autogen=False,
    pem_autogen=False,
    storage_mode="memory",
    secure_logging=True,
)


def _arguments(url: str) -> set[str]:
    """The names of the query arguments, as Apprise reads them."""
    query = url.partition("?")[2]
    return set(parse_qsd(query, simple=True)["qsd"]) if query else set()  # type: ignore[no-untyped-call]


def plugin_made(service: Service, url: str, options: Mapping[str, Any]) -> NotifyBase:
    """Raises: ValueError for a URL that is not of this service, or that could lead elsewhere. TypeError as Apprise's constructors."""
    kind: type[NotifyBase] = import_string(f"apprise.plugins.{service.plugin}")
    is_native = url.lower().startswith("https://")
    if "#" in url or not _arguments(url) <= service.arguments:
        raise ValueError
    found = kind.parse_native_url(url) if is_native else _parsed(kind, url)
    if not found or not found["qsd"].keys() <= service.arguments | (ADDED_ARGUMENTS if is_native else set()):
        raise ValueError
    plugin = kind(**{**found, **options, "format": "text", "overflow": "truncate", "asset": ASSET})
    if not plugin.verify_certificate or plugin.redirects or len(plugin) > 1 or not service.is_fixed(plugin):
        raise ValueError
    return plugin


def _parsed(kind: type[NotifyBase], url: str) -> dict[str, Any] | None:
    own = kind.secure_protocol
    schemas = (own,) if isinstance(own, str) else own or ()
    return kind.parse_url(url) if url.partition("://")[0].lower() in schemas else None


def notify(plugin: NotifyBase, label: str, message: Outgoing, *, is_closing: bool) -> None:
    """Send through a plugin. Raises: NotSent."""
    result = Apprise(plugin, asset=plugin.asset).notify(
        body=_body(plugin, message),
        title=message.title,
        notify_type=NotifyType.SUCCESS if is_closing else TYPES[message.severity],
        body_format=NotifyFormat.TEXT,
        timeout=TOTAL_S,
        log_level=logging.DEBUG,
    )
    if not result:
        raise _not_sent(label, result)


def _body(plugin: NotifyBase, message: Outgoing) -> str:
    """The text, shortened so that the address of the page fits too."""
    text, end = message.text, message.end
    room = plugin.body_maxlen - len(message.title) - len(end) - MARGIN
    if len(text) > room:
        text = f"{text[: max(room, 0)]}…"
    return "\n\n".join(part for part in (text, end) if part)


def _not_sent(label: str, result: AppriseResult) -> NotSent:
    """The logs of Apprise have the URL, so only the kind of failure is taken from them."""
    logs = "\n".join(entry.message for notified in result for attempt in notified for entry in attempt)
    if result.status == AppriseResultStatus.TIMEOUT:
        return NotSent(f"{label} did not answer within {TOTAL_S:.0f} s. Check that the central node can reach it.", may_have_arrived=True)
    if found := ANSWERED.search(logs):
        remedy = "The service limits messages." if found[1] == "429" else "Check the URL of the channel at the service."
        return NotSent(f"{label} answered HTTP {found[1]}. {remedy}")
    if NOT_CONNECTED.search(logs):
        return NotSent(f"No connection to {label}. Check DNS, the firewall, and HTTPS_PROXY if this site has a proxy for the internet.")
    return NotSent(
        f"{label} did not confirm the message. Check the URL of the channel at the service.", may_have_arrived="Socket Exception" in logs
    )
