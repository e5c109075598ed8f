"""The filters of the list of tokens."""

from typing import Any

from django.db.models import QuerySet
from django.utils import timezone

from people.models import ApiToken
from web.lists.filters import Choice, ListFilter, Search

STATES = (("usable", "usable"), ("endless", "without an expiry date"), ("expired", "expired"), ("revoked", "revoked"))


class _State(Choice):
    def filter(self, rows: "QuerySet[Any]", value: str) -> "QuerySet[Any]":
        match value:
            case "usable":
                return rows.filter(pk__in=ApiToken.objects.usable())
            case "endless":
                return rows.filter(pk__in=ApiToken.objects.endless())
            case "expired":
                return rows.filter(expires_at__lt=timezone.now(), revoked_at=None)
            case "revoked":
                return rows.exclude(revoked_at=None)
        return rows


class TokenFilter(ListFilter):
    search = Search("name", "user__username")
    state = _State("State", STATES, empty="all")

    class Meta:
        model = ApiToken
        fields: list[str] = []
