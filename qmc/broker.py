"""The embedded broker: kombu's filesystem transport, whose messages are whole as soon as they can be seen.

kombu creates a message's file first and fills it then; a worker that looks in between reads nothing, and ends (kombu issue 1551).
"""

import time
import uuid
from pathlib import Path
from typing import Any

from kombu.transport import TRANSPORT_ALIASES, filesystem
from kombu.utils.json import dumps


class Channel(filesystem.Channel):
    """Writes a message beside its place, then renames it."""

    def _put(self, queue: str, payload: dict[str, Any], **kwargs: Any) -> None:  # type: ignore[override]  # kombu's own two differ
        name = f"{round(time.monotonic() * 1000)}_{uuid.uuid4()}.{queue}.msg"
        unfinished = Path(self.data_folder_out, f"{name}.new")  # the ending keeps it from being looked at
        unfinished.write_text(dumps(payload))
        unfinished.rename(unfinished.with_suffix(""))


class Transport(filesystem.Transport):
    Channel = Channel


TRANSPORT_ALIASES["filesystem"] = "qmc.broker:Transport"
