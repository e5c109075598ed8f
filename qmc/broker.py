"""The embedded broker: kombu's filesystem transport, whose messages are whole as soon as they can be seen.

kombu creates a message's file first and fills it then; a worker that looks in between reads nothing, and ends (kombu issue 1551). It also reads
through the system's temporary directory, in which an account cannot delete what another one has written: a site may run under two.
"""

import time
import uuid
from pathlib import Path
from queue import Empty
from typing import Any

from kombu.exceptions import ChannelError
from kombu.transport import TRANSPORT_ALIASES, filesystem
from kombu.utils.json import dumps, loads


class Channel(filesystem.Channel):
    """Writes a message beside its place, then renames it; takes one by a rename too, in the same folder."""

    def _get(self, queue: str, *_: Any) -> Any:
        for path in sorted(Path(self.data_folder_in).glob(f"*.{queue}.msg")):
            taken = path.with_name(f"{path.name}.taken")
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
        unfinished = Path(self.data_folder_out, f"{name}.new")  # the ending keeps it from being looked at
        unfinished.write_text(dumps(payload))
        unfinished.rename(unfinished.with_suffix(""))


class Transport(filesystem.Transport):
    Channel = Channel


TRANSPORT_ALIASES["filesystem"] = "qmc.broker:Transport"
