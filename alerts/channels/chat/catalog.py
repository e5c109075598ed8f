"""The chat and on-call services that can be chosen. Each has one plugin of Apprise, which connects to the hosts of that service only."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

TEAMS_HOST = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)*\.(logic\.azure\.com|api\.powerplatform\.com)", re.IGNORECASE)


def _for_chat(key: str, is_closing: bool) -> dict[str, str]:
    return {}


def _for_opsgenie(key: str, is_closing: bool) -> dict[str, str]:
    # Apprise closes only what the same process opened. So a closing is an alert of its own, with the lowest priority. That is 5 (P5); Apprise calls 1 "low".
    return {"action": "new", "alias": f"{key}-closed", "priority": "5"} if is_closing else {"action": "new", "alias": key}


@dataclass(frozen=True)
class Service:
    """`plugin` is its name in `apprise.plugins`. `arguments` are the query arguments that a URL may have; Apprise has others that read files, follow redirects or disable checks.

    `options` are for the constructor: they tie the messages about one alert to one incident, which a closing resolves.
    """

    label: str
    plugin: str
    example: str
    arguments: frozenset[str] = frozenset()
    options: Callable[[str, bool], dict[str, str]] = _for_chat
    is_fixed: Callable[[Any], bool] = lambda plugin: True
    """Whether this instance of the plugin connects to a host of the service, and to one receiver."""


SERVICES: dict[str, Service] = {
    "slack": Service("Slack", "slack.NotifySlack", "https://hooks.slack.com/services/…"),
    "teams": Service(
        "Microsoft Teams",
        "workflows.NotifyWorkflows",
        "https://….logic.azure.com/… or https://….api.powerplatform.com/… of a workflow",
        frozenset({"api-version", "sp", "sv", "sig"}),
        is_fixed=lambda plugin: bool(TEAMS_HOST.fullmatch(plugin.host)) and plugin.port in (None, 443),
    ),
    "google-chat": Service(
        "Google Chat",
        "google_chat.NotifyGoogleChat",
        "https://chat.googleapis.com/v1/spaces/…",
        frozenset({"key", "token", "thread", "threadkey"}),
    ),
    "webex": Service("Webex", "webexteams.NotifyWebexTeams", "https://webexapis.com/v1/webhooks/incoming/…"),
    "discord": Service("Discord", "discord.NotifyDiscord", "https://discord.com/api/webhooks/…", frozenset({"thread"})),
    "telegram": Service(
        "Telegram",
        "telegram.NotifyTelegram",
        "tgram://BOT_TOKEN/CHAT_ID",
        frozenset({"topic", "silent"}),
        # Without a chat, Apprise sends to the person who wrote to the bot last.
        is_fixed=lambda plugin: bool(plugin.targets),
    ),
    "pagerduty": Service(
        "PagerDuty",
        "pagerduty.NotifyPagerDuty",
        "pagerduty://INTEGRATION_KEY@API_KEY or …?region=eu",
        frozenset({"region"}),
        lambda key, is_closing: {"action": "map", "dedup": key, "source": "trust-zone-console"},
    ),
    "opsgenie": Service(
        "Opsgenie", "opsgenie.NotifyOpsgenie", "opsgenie://API_KEY or …?region=eu", frozenset({"region", "priority"}), _for_opsgenie
    ),
    "signl4": Service(
        "SIGNL4", "signl4.NotifySIGNL4", "signl4://SECRET", options=lambda key, is_closing: {"action": "map", "external_id": key}
    ),
    "splunk": Service(
        "Splunk On-Call (VictorOps)",
        "splunk.NotifySplunk",
        "https://alert.victorops.com/integrations/generic/…",
        options=lambda key, is_closing: {"action": "map", "entity_id": key},
    ),
    "pushover": Service("Pushover", "pushover.NotifyPushover", "pover://USER_KEY@TOKEN", frozenset({"priority", "sound"})),
    "ntfy": Service(
        "ntfy.sh",
        "ntfy.NotifyNtfy",
        "https://ntfy.sh/TOPIC",
        frozenset({"priority"}),
        # With a host, Apprise uses that host instead of ntfy.sh.
        is_fixed=lambda plugin: bool(plugin.mode == "cloud"),
    ),
}
