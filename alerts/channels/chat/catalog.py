"""The chat and on-call services that can be chosen. Each has one plugin of Apprise, which connects to the hosts of that service only."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from apprise import AppriseAsset
from apprise.plugins.base import NotifyBase
from apprise.plugins.discord import NotifyDiscord
from apprise.plugins.google_chat import NotifyGoogleChat
from apprise.plugins.ntfy import NotifyNtfy, NtfyMode
from apprise.plugins.opsgenie import NotifyOpsgenie
from apprise.plugins.pagerduty import NotifyPagerDuty
from apprise.plugins.pushover import NotifyPushover
from apprise.plugins.signl4 import NotifySIGNL4
from apprise.plugins.slack import NotifySlack
from apprise.plugins.splunk import NotifySplunk
from apprise.plugins.telegram import NotifyTelegram
from apprise.plugins.webexteams import NotifyWebexTeams
from apprise.plugins.workflows import NotifyWorkflows
from apprise.utils.parse import parse_qsd

# What parsing a service's own URL adds to the arguments that the person entered.
ADDED_ARGUMENTS = {"mode", "pa"}
TEAMS_HOST = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)*\.(logic\.azure\.com|api\.powerplatform\.com)", re.IGNORECASE)
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


def _for_chat(key: str, is_closing: bool) -> dict[str, str]:
    return {}


def _for_opsgenie(key: str, is_closing: bool) -> dict[str, str]:
    # Apprise closes only what the same process opened. So a closing is an alert of its own, with the lowest priority. That is 5 (P5); Apprise calls 1 "low".
    return {"action": "new", "alias": f"{key}-closed", "priority": "5"} if is_closing else {"action": "new", "alias": key}


@dataclass(frozen=True)
class Service:
    """`arguments` are the query arguments that a URL may have; Apprise has others that read files, follow redirects or disable checks.

    `options` are for the constructor: they tie the messages about one alert to one incident, which a closing resolves.
    """

    label: str
    plugin: type[NotifyBase]
    example: str
    arguments: frozenset[str] = frozenset()
    options: Callable[[str, bool], dict[str, str]] = _for_chat
    is_fixed: Callable[[Any], bool] = lambda plugin: True
    """Whether this instance of the plugin connects to a host of the service, and to one receiver."""

    def made(self, url: str, options: Mapping[str, Any]) -> NotifyBase:
        """Raises: ValueError for a URL that is not of this service, or that could lead elsewhere. TypeError as Apprise's constructors."""
        is_native = url.lower().startswith("https://")
        if "#" in url or not _arguments(url) <= self.arguments:
            raise ValueError
        found = self.plugin.parse_native_url(url) if is_native else self._parsed(url)
        if not found or not found["qsd"].keys() <= self.arguments | (ADDED_ARGUMENTS if is_native else set()):
            raise ValueError
        plugin = self.plugin(**{**found, **options, "format": "text", "overflow": "truncate", "asset": ASSET})
        if not plugin.verify_certificate or plugin.redirects or len(plugin) > 1 or not self.is_fixed(plugin):
            raise ValueError
        return plugin

    def _parsed(self, url: str) -> dict[str, Any] | None:
        own = self.plugin.secure_protocol
        schemas = (own,) if isinstance(own, str) else own or ()
        return self.plugin.parse_url(url) if url.partition("://")[0].lower() in schemas else None


SERVICES: dict[str, Service] = {
    "slack": Service("Slack", NotifySlack, "https://hooks.slack.com/services/…"),
    "teams": Service(
        "Microsoft Teams",
        NotifyWorkflows,
        "https://….logic.azure.com/… or https://….api.powerplatform.com/… of a workflow",
        frozenset({"api-version", "sp", "sv", "sig"}),
        is_fixed=lambda plugin: bool(TEAMS_HOST.fullmatch(plugin.host)) and plugin.port in (None, 443),
    ),
    "google-chat": Service(
        "Google Chat", NotifyGoogleChat, "https://chat.googleapis.com/v1/spaces/…", frozenset({"key", "token", "thread", "threadkey"})
    ),
    "webex": Service("Webex", NotifyWebexTeams, "https://webexapis.com/v1/webhooks/incoming/…"),
    "discord": Service("Discord", NotifyDiscord, "https://discord.com/api/webhooks/…", frozenset({"thread"})),
    "telegram": Service(
        "Telegram",
        NotifyTelegram,
        "tgram://BOT_TOKEN/CHAT_ID",
        frozenset({"topic", "silent"}),
        # Without a chat, Apprise sends to the person who wrote to the bot last.
        is_fixed=lambda plugin: bool(plugin.targets),
    ),
    "pagerduty": Service(
        "PagerDuty",
        NotifyPagerDuty,
        "pagerduty://INTEGRATION_KEY@API_KEY or …?region=eu",
        frozenset({"region"}),
        lambda key, is_closing: {"action": "map", "dedup": key, "source": "trust-zone-console"},
    ),
    "opsgenie": Service("Opsgenie", NotifyOpsgenie, "opsgenie://API_KEY or …?region=eu", frozenset({"region", "priority"}), _for_opsgenie),
    "signl4": Service("SIGNL4", NotifySIGNL4, "signl4://SECRET", options=lambda key, is_closing: {"action": "map", "external_id": key}),
    "splunk": Service(
        "Splunk On-Call (VictorOps)",
        NotifySplunk,
        "https://alert.victorops.com/integrations/generic/…",
        options=lambda key, is_closing: {"action": "map", "entity_id": key},
    ),
    "pushover": Service("Pushover", NotifyPushover, "pover://USER_KEY@TOKEN", frozenset({"priority", "sound"})),
    "ntfy": Service(
        "ntfy.sh",
        NotifyNtfy,
        "https://ntfy.sh/TOPIC",
        frozenset({"priority"}),
        # With a host, Apprise uses that host instead of ntfy.sh.
        is_fixed=lambda plugin: bool(plugin.mode == NtfyMode.CLOUD),
    ),
}
