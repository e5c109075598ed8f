"""All settings in the REST API, with their origin."""

from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from qmc.site_settings.view_models import last_changes
from web.api import View, operation
from web.site_settings import Group, Origin, site_settings


class SettingOutput(serializers.Serializer[Any]):
    name = serializers.CharField()
    group = serializers.ChoiceField([group.value for group in Group])
    title = serializers.CharField()
    changes = serializers.CharField(help_text="what it changes")
    value = serializers.CharField(help_text="in words")
    default = serializers.CharField(help_text="in words; empty if it has none")
    origin = serializers.ChoiceField([origin.value for origin in Origin])
    environment = serializers.CharField(help_text="the variable that sets or overrides it; empty if there is none")
    changed_at = serializers.DateTimeField(
        allow_null=True, help_text="the last change in the console. Null for people who may not read the audit log"
    )
    changed_by = serializers.CharField(allow_null=True)


class SettingsOutput(serializers.Serializer[Any]):
    settings = SettingOutput(many=True)


class SiteSettings(View):
    """Every setting that the caller may see, with its value and its origin."""

    @operation(SettingsOutput)
    def get(self, request: Request) -> Response:
        self.actor.require("certs.view_certificate")
        found = [*site_settings(self.actor)]
        changes = last_changes(found, self.actor)
        rows = []
        for setting in found:
            changed = changes.get(setting.name)
            names = ("name", "group", "title", "changes", "value", "default", "origin", "environment")
            rows.append(
                {name: getattr(setting, name) for name in names}
                | {"changed_at": changed and changed.at, "changed_by": changed and changed.actor}
            )
        return Response({"settings": rows})
