"""The rules of alerts and the watchdog in the REST API. The watchdog URL is accepted and never returned."""

from typing import Any
from urllib.parse import urlsplit

from django.utils import timezone
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from alerts.models import Rules
from alerts.rules.models import rules_current
from alerts.rules.services import MOST_THRESHOLDS, rules_change
from alerts.rules.thresholds import thresholds_by_kind
from alerts.watchdog.status import ENVIRONMENT, WatchdogStatus, watchdog_status, watchdog_url
from web.api import Input, StrictNumber, StrictText, View, operation


class AlertRulesInput(Input):
    """Omitted fields keep their value."""

    thresholds = serializers.DictField(
        child=serializers.ListField(child=StrictNumber(), max_length=MOST_THRESHOLDS), required=False,
        help_text="kind → days before the expiry date. A kind without an entry gets the default, one with an empty list has no thresholds",
    )  # fmt: skip
    watchdog_url = StrictText(
        required=False, allow_null=True, write_only=True, help_text="called each minute while everything is well. Null removes it"
    )


class WatchdogPartOutput(serializers.Serializer[Any]):
    part = serializers.CharField()
    problem = serializers.CharField()


class WatchdogOutput(serializers.Serializer[Any]):
    url_set = serializers.BooleanField()
    from_environment = serializers.BooleanField(help_text="QMC_WATCHDOG_URL is set, and overrides the site's data")
    host = serializers.CharField(help_text="of the URL")
    called_at = serializers.DateTimeField(allow_null=True, help_text="the last call that was answered")
    error = serializers.CharField(help_text="why the last call failed; empty if it was answered")
    problems = WatchdogPartOutput(many=True, help_text="why it is not called now; empty if everything is well")


class AlertRulesOutput(serializers.Serializer[Any]):
    thresholds = serializers.DictField(
        child=serializers.ListField(child=serializers.FloatField()), help_text="of every kind, also where the default applies"
    )
    watchdog = WatchdogOutput()


def watchdog_json(status: WatchdogStatus) -> dict[str, Any]:
    """The watchdog without its URL. Raises: UnknownKey, Altered, ZoneBroken."""
    return {
        "url_set": status.is_configured,
        "from_environment": status.source == ENVIRONMENT,
        "host": urlsplit(watchdog_url()).hostname or "",
        "called_at": status.called_at,
        "error": status.error,
        "problems": [{"part": part.label, "problem": part.problem} for part in status.problems],
    }


def rules_json(rules: Rules) -> dict[str, Any]:
    return {"thresholds": thresholds_by_kind(rules.thresholds), "watchdog": watchdog_json(watchdog_status(now=timezone.now()))}


class AlertRules(View):
    """The rules of alerts: expiry thresholds and the watchdog."""

    @operation(AlertRulesOutput)
    def get(self, request: Request) -> Response:
        self.actor.require("alerts.view_rules")
        return Response(rules_json(rules_current()))

    @operation(AlertRulesOutput, body=AlertRulesInput)
    def put(self, request: Request) -> Response:
        return Response(rules_json(rules_change(actor=self.actor, now=timezone.now(), **self.body)))
