"""OpenSSL's verdict on a browser certificate, from a handshake in memory between a server with the bytes of browser.pem and a client."""

import os
import ssl
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pki.foreign.refusal import Refusal

NO_CHECK_TIME = 0x200000  # X509_V_FLAG_NO_CHECK_TIME, which `ssl` does not define; callers check the dates
OPEN_FILES = Path("/proc/self/fd")
MOST_ROUNDS = 10


def refusal(pem: bytes, *, anchor: bytes | None, name: str, folder: Path) -> Refusal | None:
    """Why a proxy cannot load `pem` (key and chain), or why a client that trusts `anchor` (DER) refuses it for `name`; None without an error.

    Without `anchor` the client does not verify the chain, without `name` not the name. The dates are not checked. `folder` is private: a system
    without files in memory has the bytes there for a moment.
    """
    try:
        server = _server(pem, folder)
        _handshake(server, _client(anchor, is_named=bool(name)), name)
    except ssl.SSLCertVerificationError as exc:
        return Refusal(str(exc.verify_code), exc.verify_message)
    except ssl.SSLError as exc:
        return Refusal(exc.reason or "unreadable", exc.reason or str(exc))
    except ValueError as exc:  # an invalid name
        return Refusal("62", str(exc))
    return None


def _server(pem: bytes, folder: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with _readable(pem, folder) as path:
        context.load_cert_chain(path, password="")  # or OpenSSL asks for one on the terminal
    return context


@contextmanager
def _readable(content: bytes, folder: Path) -> Iterator[str]:
    """A path for OpenSSL, which loads keys from paths only. On Linux the file is in memory."""
    if hasattr(os, "memfd_create") and OPEN_FILES.is_dir():
        with os.fdopen(os.memfd_create("browser.pem"), "wb") as file:
            file.write(content)
            file.flush()
            yield f"{OPEN_FILES}/{file.fileno()}"
        return
    with tempfile.TemporaryDirectory(prefix=".handshake-", dir=folder) as private:  # mode 0700
        path = Path(private) / "browser.pem"
        path.write_bytes(content)
        yield str(path)


def _client(anchor: bytes | None, *, is_named: bool) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.hostname_checks_common_name = False
    context.check_hostname = is_named and anchor is not None
    if anchor is None:
        context.verify_mode = ssl.CERT_NONE
    else:
        context.verify_flags = ssl.VerifyFlags(ssl.VERIFY_X509_PARTIAL_CHAIN | NO_CHECK_TIME)
        context.load_verify_locations(cadata=anchor)
    return context


def _handshake(server: ssl.SSLContext, client: ssl.SSLContext, name: str) -> None:
    """Raises: SSLError, ValueError."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    sides = [
        client.wrap_bio(to_client, to_server, server_hostname=name or None),
        server.wrap_bio(to_server, to_client, server_side=True),
    ]
    for _ in range(MOST_ROUNDS):
        waiting = [side for side in sides if not _is_done(side)]
        if not waiting:
            return
    raise ssl.SSLError("the handshake does not finish")


def _is_done(side: ssl.SSLObject) -> bool:
    try:
        side.do_handshake()
    except ssl.SSLWantReadError:
        return False
    return True
