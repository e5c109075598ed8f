"""The list of backups."""

from datetime import datetime
from typing import Any

from backups.filters import BackupFilter
from backups.models import Backup
from backups.view_models import PLAIN, BackupLine, backup_json
from web.lists.declared import Column, List


class BackupList(List):
    model = Backup
    noun, caption = "backup", "Backups"
    empty = "No backups yet. Press Back up now."
    filters = BackupFilter
    columns = (
        Column("name", "Backup", "backups/cell_name.html"),
        Column("state", "State", "backups/cell_state.html"),
        Column("size", "Size", "backups/cell_size.html"),
        Column("actor", "Asked by", "backups/cell_actor.html"),
        Column("created_at", "Age", "backups/cell_age.html", sort="created_at"),
    )
    sort = "-created_at"
    csv = ("id", *PLAIN)
    reasons = ("reason",)

    def shown(self, rows: list[Backup], now: datetime) -> list[BackupLine]:
        return [BackupLine(row) for row in rows]

    def json(self, rows: list[Backup], now: datetime) -> list[dict[str, Any]]:
        return [backup_json(row) for row in rows]
