"""Real receivers of syslog over TLS, on loopback: rsyslog, and one of Python that can end a connection in any way."""

import contextlib
import shutil
import signal
import socket
import struct
import subprocess
import threading
import time
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path

import pytest

from pki.core.pair import Pair
from sitekit.engines import free_port
from tests.receivers import server_context

RSYSLOGD = shutil.which("rsyslogd") or next((str(path) for path in (Path("/usr/sbin/rsyslogd"),) if path.exists()), "")
DRIVERS = ("gtls", "ossl")


class Ending(StrEnum):
    """How a receiver ends a connection, when everything has arrived."""

    CLOSE_NOTIFY = "close_notify"
    RAGGED = "ragged"
    RESET = "reset"
    NEVER = "never"
    GONE = "gone"


def unframed(content: bytes) -> Iterator[bytes]:
    """The messages of a stream (RFC 5425, section 4.3). One that is cut off is left out."""
    while content:
        length, _, rest = content.partition(b" ")
        message, content = rest[: int(length)], rest[int(length) :]
        if len(message) == int(length):
            yield message


class TlsReceiver:
    """Keeps what it receives on each connection. `ending` says how it ends them."""

    def __init__(self, pair: Pair, ending: Ending = Ending.CLOSE_NOTIFY) -> None:
        self.context, self.ending = server_context(pair), ending
        self.connections: list[bytes] = []
        self.handshakes = 0
        self.server = socket.create_server(("127.0.0.1", 0))
        self.port = int(self.server.getsockname()[1])

    @property
    def messages(self) -> list[bytes]:
        return [message for content in self.connections for message in unframed(content)]

    def serve(self) -> None:
        with contextlib.suppress(OSError):  # it was closed
            while True:
                accepted, _ = self.server.accept()
                threading.Thread(target=self._take, args=(accepted,), daemon=True).start()

    def _take(self, accepted: socket.socket) -> None:
        with contextlib.suppress(OSError), self.context.wrap_socket(accepted, server_side=True, suppress_ragged_eofs=False) as connection:
            self.handshakes += 1
            content = b""
            while part := connection.recv(65536):
                content += part
                if self.ending is Ending.RESET:
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    return
            if content:
                self.connections.append(content)
            if self.ending is Ending.GONE:
                self.server.shutdown(socket.SHUT_RDWR)
                self.server.close()
            if self.ending is Ending.NEVER:
                time.sleep(30)
            if self.ending is Ending.CLOSE_NOTIFY:
                connection.unwrap()


@contextlib.contextmanager
def tls_receiver(pair: Pair, ending: Ending = Ending.CLOSE_NOTIFY) -> Iterator[TlsReceiver]:
    receiver = TlsReceiver(pair, ending)
    threading.Thread(target=receiver.serve, daemon=True).start()
    try:
        yield receiver
    finally:
        with contextlib.suppress(OSError):
            receiver.server.shutdown(socket.SHUT_RDWR)
        receiver.server.close()


CONFIGURATION = """
global(workDirectory="{folder}" maxMessageSize="64k" defaultNetstreamDriver="{driver}" defaultNetstreamDriverCAFile="{folder}/ca.pem"
  defaultNetstreamDriverCertFile="{folder}/certificate.pem" defaultNetstreamDriverKeyFile="{folder}/key.pem")
module(load="imtcp" streamDriver.name="{driver}" streamDriver.mode="1" streamDriver.authMode="anon")
template(name="raw" type="string" string="%rawmsg%\\n")
ruleset(name="archive" queue.type="Direct") {{ action(type="omfile" file="{folder}/messages" template="raw") }}
input(type="imtcp" port="{port}" address="127.0.0.1" ruleset="archive")
"""


class Rsyslog:
    """rsyslog, which writes each message into a line of a file before it reads the next one."""

    def __init__(self, folder: Path, pair: Pair, ca: str, driver: str) -> None:
        self.file, self.port = folder / "messages", free_port()
        for name, content in (("certificate.pem", pair.certificate), ("key.pem", pair.private_key), ("ca.pem", ca.encode())):
            (folder / name).write_bytes(content)
        self.configuration = folder / "rsyslog.conf"
        self.configuration.write_text(CONFIGURATION.format(folder=folder, driver=driver, port=self.port))
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [RSYSLOGD, "-n", "-f", str(self.configuration), "-i", str(self.configuration.with_suffix(".pid"))]
        self.process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        for _ in range(200):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.05)
        raise AssertionError("rsyslog did not start")

    def send_signal(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        if self.process is not None:
            self.send_signal(number)
            self.process.wait(30)
            self.process = None

    @property
    def lines(self) -> list[bytes]:
        return self.file.read_bytes().splitlines() if self.file.exists() else []


@contextlib.contextmanager
def rsyslog(folder: Path, pair: Pair, ca: str, driver: str = "ossl") -> Iterator[Rsyslog]:
    """Skips the test if rsyslog with this driver is not installed."""
    if not RSYSLOGD or not list(Path("/usr/lib").glob(f"*/rsyslog/lmnsd_{driver}.so")):
        pytest.skip("rsyslog is not installed: apt-get install rsyslog rsyslog-gnutls rsyslog-openssl")
    folder.mkdir()
    receiver = Rsyslog(folder, pair, ca, driver)
    receiver.start()
    try:
        yield receiver
    finally:
        receiver.stop(signal.SIGKILL)
