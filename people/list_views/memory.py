"""Give the lists what people keep of them."""

from typing import Any

from django.db.models import Case, Q, When

from people.models import ListChoice, SavedView
from web.lists.memory import KeptChoice, KeptView, memory_register

MOST_SHOWN = 30


class _Memory:
    def choice(self, account: Any, name: str) -> KeptChoice:
        row = ListChoice.objects.filter(person__user=account, list_name=name).first()
        return KeptChoice(tuple(row.columns), row.page_size) if row else KeptChoice()

    def views(self, account: Any, name: str) -> list[KeptView]:
        """Those of the person first."""
        rows = SavedView.objects.filter(Q(owner__user=account) | Q(shared=True), list_name=name).select_related("owner__user")
        mine_first = Case(When(owner__user=account, then=0), default=1)
        return [
            KeptView(row.pk, row.name, row.query, "" if row.owner.user_id == account.pk else str(row.owner))
            for row in rows.order_by(mine_first, "name", "pk")[:MOST_SHOWN]
        ]


memory_register(_Memory())
