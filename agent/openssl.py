"""Functions of OpenSSL for TLS servers that Python's `ssl` does not offer, called in the library that `ssl` uses.

They are not available in other Pythons than CPython, or with OpenSSL inside the interpreter. The checks are then as strict: `agent.tls` checks
each peer after the handshake, and allows TLS 1.3 only, without session resumption.
"""

import _ssl
import ctypes
import functools
import ssl
import sys
from collections.abc import Callable
from pathlib import Path

SET_SESSION_CACHE_MODE, CACHE_OFF = 44, 0  # SSL_CTRL_SET_SESS_CACHE_MODE, SSL_SESS_CACHE_OFF
# X509_V_ERR_…, for which OpenSSL sends the alerts unsupported_certificate and certificate_revoked.
INVALID_PURPOSE, REVOKED = 26, 23
Verdict = Callable[[bytes], int]
"""Takes a certificate (DER) whose chain is valid; returns 0 or one of these codes."""

_pointer, _int, _long = ctypes.c_void_p, ctypes.c_int, ctypes.c_long
_Callback = ctypes.CFUNCTYPE(_int, _pointer, _pointer)
_FUNCTIONS = {
    "SSL_CTX_ctrl": (_long, [_pointer, _int, _long, _pointer]),
    "SSL_load_client_CA_file": (_pointer, [ctypes.c_char_p]),
    "SSL_CTX_set_client_CA_list": (None, [_pointer, _pointer]),
    "SSL_CTX_set_cert_verify_callback": (None, [_pointer, _Callback, _pointer]),
    "X509_verify_cert": (_int, [_pointer]),
    "X509_STORE_CTX_get0_cert": (_pointer, [_pointer]),
    "X509_STORE_CTX_set_error": (None, [_pointer, _int]),
    "i2d_X509": (_int, [_pointer, ctypes.POINTER(_pointer)]),
}


@functools.cache
def _library() -> ctypes.CDLL | None:
    """The OpenSSL that `ssl` is linked with, loaded through that module; None if it is not available."""
    try:
        found = ctypes.CDLL(_ssl.__file__)
        for name, (result, arguments) in _FUNCTIONS.items():
            function = getattr(found, name)
            function.restype, function.argtypes = result, arguments
    except (AttributeError, OSError):
        return None
    return found if sys.implementation.name == "cpython" else None


def _of(context: ssl.SSLContext) -> int | None:
    """The SSL_CTX of `context`: the first field after the header of the Python object."""
    return _pointer.from_address(id(context) + object.__basicsize__).value


def harden(context: ssl.SSLContext, *, authorities: Path, verdict: Verdict) -> bool:
    """Send the names of `authorities` (PEM) to clients, resume no sessions, and refuse clients by `verdict` with a TLS alert.

    Returns whether that was possible.
    """
    library = _library()
    if library is None:
        return False
    pointer = _of(context)
    library.SSL_CTX_ctrl(pointer, SET_SESSION_CACHE_MODE, CACHE_OFF, None)
    library.SSL_CTX_set_client_CA_list(pointer, library.SSL_load_client_CA_file(bytes(authorities)))
    callback = _callback(library, verdict)
    library.SSL_CTX_set_cert_verify_callback(pointer, callback, None)
    context.verdict = callback  # type: ignore[attr-defined]  # keeps it alive as long as the context
    return True


def _callback(library: ctypes.CDLL, verdict: Verdict) -> object:
    def verify(store: int, _: int) -> int:
        """An exception refuses the peer, because ctypes returns 0 then."""
        if library.X509_verify_cert(store) != 1:
            return 0
        code = verdict(_der(library, library.X509_STORE_CTX_get0_cert(store)))
        if code:
            library.X509_STORE_CTX_set_error(store, code)
        return int(code == 0)

    return _Callback(verify)


def _der(library: ctypes.CDLL, certificate: int) -> bytes:
    content = ctypes.create_string_buffer(library.i2d_X509(certificate, None))
    library.i2d_X509(certificate, ctypes.byref(_pointer(ctypes.addressof(content))))
    return content.raw
