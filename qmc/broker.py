"""The embedded broker: kombu's filesystem transport, with messages that are complete as soon as they are visible.

kombu first creates the file of a message, then writes it. A worker that reads it in between gets nothing, and ends (kombu issue 1551). It also reads
through the system's temporary directory, in which an account cannot delete what another one has written: a site may run under two.
"""

import os
import time
import uuid
from pathlib import Path
from queue import Empty
from typing import Any

from kombu.exceptions import ChannelError
from kombu.transport import TRANSPORT_ALIASES, filesystem
from kombu.utils.json import dumps, loads


class Channel(filesystem.Channel):
    """Write a message under another name, then rename it. Take a message by a rename in the same folder too."""

    def _get(self, queue: str, *_: Any) -> Any:
        folder = self.data_folder_in
        # A worker looks for messages 20 times a second, so this is not `Path.glob`, which costs ten times as much.
        for name in sorted(name for name in os.listdir(folder) if name.endswith(f".{queue}.msg")):
            path, taken = Path(folder, name), Path(folder, f"{name}.taken")
            try:
                path.rename(taken)
            except FileNotFoundError:
                continue  # another worker was first
            except OSError as exc:
                raise ChannelError(f"{path} cannot be taken: {exc.strerror}") from exc
            payload = loads(taken.read_text())
            taken.unlink()
            return payload
        raise Empty

    def _put(self, queue: str, payload: dict[str, Any], **kwargs: Any) -> None:  # type: ignore[override]  # kombu's own two differ
        name = f"{round(time.monotonic() * 1000)}_{uuid.uuid4()}.{queue}.msg"
        unfinished = Path(self.data_folder_out, f"{name}.new")  # with this ending it is ignored
        unfinished.write_text(dumps(payload))
        unfinished.rename(unfinished.with_suffix(""))


class Transport(filesystem.Transport):
    Channel = Channel


TRANSPORT_ALIASES["filesystem"] = "qmc.broker:Transport"
