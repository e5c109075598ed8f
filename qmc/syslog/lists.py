"""The list of syslog receivers."""

from datetime import datetime
from typing import Any

from audit.models import SyslogReceiver
from qmc.syslog.view_models import ReceiverLine, receiver_json, receiver_lines
from web.lists.declared import Column, List


class ReceiverList(List):
    model = SyslogReceiver
    noun, caption = "receiver", "Syslog receivers"
    empty = "No receivers yet. The audit log is on this machine only. Add a syslog server that takes messages over TLS."
    columns = (
        Column("name", "Receiver", "qmc/syslog/cell_name.html", sort="name"),
        Column("state", "State", "qmc/syslog/cell_state.html"),
    )
    sort = "name"
    csv = ("id", "name", "host", "port", "enabled", "sequence", "checkpoint", "waiting", "delivered_at", "failing_since", "last_error")

    def shown(self, rows: list[SyslogReceiver], now: datetime) -> list[ReceiverLine]:
        return receiver_lines(rows, now=now)

    def json(self, rows: list[SyslogReceiver], now: datetime) -> list[dict[str, Any]]:
        return [receiver_json(line) for line in receiver_lines(rows, now=now)]
