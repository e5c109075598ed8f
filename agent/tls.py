"""The TLS contexts for server and client. The peer's role is checked inside the handshake, before any data is sent."""

import asyncio
import dataclasses
import logging
import ssl
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography import x509

from agent import openssl
from agent.store import Installed
from pki.core import revocation, verify
from pki.core.errors import NotValidNow, PeerRefused
from pki.core.roles import Role

log = logging.getLogger("agent")
# X509_V_ERR: signature failure, self-signed, self-signed in the chain, no issuer here, no chain at all.
ROOT_ERRORS = (7, 18, 19, 20, 21)
AEAD = "ECDHE+AESGCM:ECDHE+CHACHA20"  # for TLS 1.2; all ciphers of TLS 1.3 are AEAD
DATE_ERRORS = (9, 10)  # X509_V_ERR_CERT_NOT_YET_VALID and X509_V_ERR_CERT_HAS_EXPIRED


class _AnsweringObject(ssl.SSLObject):
    """Sends the TLS alert to a refused client. asyncio alone closes the connection without sending it."""

    incoming: ssl.MemoryBIO
    outgoing: ssl.MemoryBIO
    refused = False

    def do_handshake(self) -> None:
        if self.refused:
            self.incoming.read()  # discard input until the client closes, or the handshake deadline
        else:
            try:
                super().do_handshake()
                return
            except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
                raise
            except ssl.SSLError:
                if not self.server_side or not self.outgoing.pending:
                    raise
                self.refused = True
        raise ssl.SSLWantReadError  # makes asyncio send the pending output


class _AnsweringContext(ssl.SSLContext):
    def wrap_bio(self, incoming: ssl.MemoryBIO, outgoing: ssl.MemoryBIO, *arguments: Any, **options: Any) -> ssl.SSLObject:
        made: Any = super().wrap_bio(incoming, outgoing, *arguments, **options)
        made.incoming, made.outgoing = incoming, outgoing
        answering: ssl.SSLObject = made
        return answering


class _RoleContext(_AnsweringContext):
    """A context with the role that the peer must have, the trusted roots and the revocation lists."""

    required_role: Role
    roots: tuple[x509.Certificate, ...]
    crls: tuple[x509.CertificateRevocationList, ...]


def _check(connection: ssl.SSLObject | ssl.SSLSocket) -> None:
    context: Any = connection.context
    der = connection.getpeercert(binary_form=True)
    if der is None:
        raise ssl.SSLCertVerificationError("the peer sent no certificate")
    certificate = x509.load_der_x509_certificate(der)
    name = connection.server_hostname if context.required_role is Role.SERVICE else None
    try:
        verify.peer(certificate, context.roots, role=context.required_role, host_name=name, now=datetime.now(UTC), crls=context.crls)
    except PeerRefused as exc:
        raise ssl.SSLCertVerificationError(str(exc)) from exc


def is_date_error(exc: BaseException | None) -> bool:
    """Whether a handshake failed because a certificate, ours or the peer's, is expired or not valid yet. A clock may be wrong then."""
    while exc is not None:
        if isinstance(exc, NotValidNow) or getattr(exc, "verify_code", 0) in DATE_ERRORS or "ALERT_CERTIFICATE_EXPIRED" in str(exc):
            return True
        exc = exc.__cause__ or exc.__context__
    return False


def is_root_error(exc: BaseException | None) -> bool:
    """Whether a handshake failed because no root that is trusted here issued the peer's certificate."""
    while exc is not None:
        if getattr(exc, "verify_code", 0) in ROOT_ERRORS:
            return True
        exc = exc.__cause__ or exc.__context__
    return False


class _Object(_AnsweringObject):
    def do_handshake(self) -> None:
        super().do_handshake()
        _check(self)


class _Socket(ssl.SSLSocket):
    def do_handshake(self, block: bool = False) -> None:
        super().do_handshake(block)
        _check(self)


def _context(installed: Installed, protocol: int, role: Role) -> _RoleContext:
    context = _RoleContext(protocol)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(AEAD)
    context.verify_mode = ssl.CERT_REQUIRED
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    context.load_verify_locations(installed.roots_pem)
    context.required_role, context.roots, context.crls = role, installed.roots, installed.crls
    context.sslobject_class, context.sslsocket_class = _Object, _Socket
    return context


def _verdict(role: Role, roots: tuple[x509.Certificate, ...], crls: tuple[x509.CertificateRevocationList, ...]) -> openssl.Verdict:
    def verdict(der: bytes) -> int:
        certificate = x509.load_der_x509_certificate(der)
        try:
            verify.peer(certificate, roots, role=role, host_name=None, now=datetime.now(UTC), crls=crls)
        except PeerRefused:
            return openssl.REVOKED if revocation.is_revoked(certificate, crls) else openssl.INVALID_PURPOSE
        return 0

    return verdict


def server_context(installed: Installed) -> ssl.SSLContext:
    """Presents the service certificate, and accepts only client certificates of this trust zone (S2)."""
    context = _context(installed, ssl.PROTOCOL_TLS_SERVER, Role.CLIENT)
    context.load_cert_chain(installed.service_pem)
    context.num_tickets = 0  # resumed sessions would skip the checks
    context.options |= ssl.OP_NO_TICKET
    verdict = _verdict(context.required_role, context.roots, context.crls)
    if not openssl.harden(context, authorities=installed.roots_pem, verdict=verdict):
        context.minimum_version = ssl.TLSVersion.TLSv1_3
    return context


def node_api_context(installed: Installed) -> ssl.SSLContext:
    """Like `server_context`, but accepts revoked clients. The node API checks them in the database at each request, and can answer why."""
    return server_context(dataclasses.replace(installed, crls=()))


def client_context(installed: Installed) -> ssl.SSLContext:
    """Presents the client certificate. The server must have a service certificate with the called host name (S2, S5)."""
    context = _context(installed, ssl.PROTOCOL_TLS_CLIENT, Role.SERVICE)
    context.hostname_checks_common_name = False
    context.load_cert_chain(installed.client_pem)
    return context


def unverified_context(installed: Installed) -> ssl.SSLContext:
    """Presents the client certificate and verifies nothing. Only for reading the server's certificate or clock."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.load_cert_chain(installed.client_pem)
    return context


def browser_context(installed: Installed) -> ssl.SSLContext:
    """Presents the browser certificate, and asks for no client certificate (S1). If it does not load, presents the service certificate."""
    try:
        return _browser_context(installed.browser_pem)
    except (ssl.SSLError, OSError) as exc:
        log.warning("browser.pem does not load, so the service certificate is used: %s", exc)
        return _browser_context(installed.service_pem)


def _browser_context(pem: Path) -> ssl.SSLContext:
    context = _AnsweringContext(ssl.PROTOCOL_TLS_SERVER)
    context.sslobject_class = _AnsweringObject
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(pem)
    return context


async def retire(server: asyncio.Server) -> None:
    """Close a server that was replaced, without losing connections that it has accepted."""
    for listening in server.sockets:
        asyncio.get_running_loop().remove_reader(listening)  # stop accepting
    # asyncio silently drops connections that have no transport yet when their server is closed.
    await asyncio.sleep(0)
    server.close()
