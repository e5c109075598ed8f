"""The filters of the list of backups."""

from django.db.models import QuerySet

from backups.models import Backup, BackupQuerySet
from backups.states import BackupState
from web.lists.filters import Choice, ListFilter, Search

PRESENT, ANY = "present", "any"
STATES = {
    PRESENT: "made or in progress", ANY: "any", BackupState.MADE.value: "made", BackupState.FAILED.value: "failed",
    BackupState.CANCELLED.value: "canceled", BackupState.REMOVED.value: "removed",
}  # fmt: skip


class BackupFilter(ListFilter):
    search = Search("name", "actor")
    state = Choice("State", STATES.items(), method="in_state", initial=PRESENT)

    class Meta:
        model = Backup
        fields: list[str] = []

    def in_state(self, rows: BackupQuerySet, name: str, value: str) -> "QuerySet[Backup]":
        if value == PRESENT:
            return rows.present()
        return rows if value == ANY else rows.filter(state=value)
