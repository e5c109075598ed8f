"""The two ready TLS contexts of a service. The peer's role is checked *inside* the handshake, before any byte leaves."""

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
OTHER_ROOT = (7, 18, 19, 20, 21)
AEAD = "ECDHE+AESGCM:ECDHE+CHACHA20"  # of TLS 1.2; TLS 1.3 has no others
NOT_NOW = (9, 10)  # X509_V_ERR_CERT_NOT_YET_VALID and X509_V_ERR_CERT_HAS_EXPIRED


class _AnsweringObject(ssl.SSLObject):
    """Lets a refused client have its alert: asyncio closes a connection whose handshake fails and throws away what was to be sent."""

    incoming: ssl.MemoryBIO
    outgoing: ssl.MemoryBIO
    refused = False

    def do_handshake(self) -> None:
        if self.refused:
            self.incoming.read()  # what comes is thrown away until the client closes, or the deadline of handshakes has come
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
        raise ssl.SSLWantReadError  # upon which asyncio sends what there is to send


class _AnsweringContext(ssl.SSLContext):
    def wrap_bio(self, incoming: ssl.MemoryBIO, outgoing: ssl.MemoryBIO, *arguments: Any, **options: Any) -> ssl.SSLObject:
        made: Any = super().wrap_bio(incoming, outgoing, *arguments, **options)
        made.incoming, made.outgoing = incoming, outgoing
        answering: ssl.SSLObject = made
        return answering


class _RoleContext(_AnsweringContext):
    """A context that knows which role the other side must carry, under which roots, and who is revoked."""

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


def is_about_dates(exc: BaseException | None) -> bool:
    """Whether a handshake failed because a certificate, ours or the peer's, is not valid yet or no more: then a clock may be wrong."""
    while exc is not None:
        if isinstance(exc, NotValidNow) or getattr(exc, "verify_code", 0) in NOT_NOW or "ALERT_CERTIFICATE_EXPIRED" in str(exc):
            return True
        exc = exc.__cause__ or exc.__context__
    return False


def is_another_root(exc: BaseException | None) -> bool:
    """Whether a handshake failed because the peer's certificate leads to no root that is trusted here."""
    while exc is not None:
        if getattr(exc, "verify_code", 0) in OTHER_ROOT:
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
    """Answers with the service pair and accepts a client certificate of this trust zone alone (S2)."""
    context = _context(installed, ssl.PROTOCOL_TLS_SERVER, Role.CLIENT)
    context.load_cert_chain(installed.service_pem)
    context.num_tickets = 0  # resumed sessions would skip the checks
    context.options |= ssl.OP_NO_TICKET
    verdict = _verdict(context.required_role, context.roots, context.crls)
    if not openssl.harden(context, authorities=installed.roots_pem, verdict=verdict):
        context.minimum_version = ssl.TLSVersion.TLSv1_3
    return context


def node_api_context(installed: Installed) -> ssl.SSLContext:
    """As `server_context`, but who is revoked is told so: the node API reads the database at each request, which knows it earlier."""
    return server_context(dataclasses.replace(installed, crls=()))


def client_context(installed: Installed) -> ssl.SSLContext:
    """Calls with the client pair; the other side must be a service that bears the dialled name (S2, S5)."""
    context = _context(installed, ssl.PROTOCOL_TLS_CLIENT, Role.SERVICE)
    context.hostname_checks_common_name = False
    context.load_cert_chain(installed.client_pem)
    return context


def looking_context(installed: Installed) -> ssl.SSLContext:
    """Calls with the client pair and verifies nothing: good for looking at the other side's certificate or clock, and for nothing else."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.load_cert_chain(installed.client_pem)
    return context


def browser_context(installed: Installed) -> ssl.SSLContext:
    """Answers browsers; no client certificate is asked for (S1). What does not load must keep nobody out: then it is the service pair."""
    try:
        return _browser_context(installed.browser_pem)
    except (ssl.SSLError, OSError) as exc:
        log.warning("browser.pem does not load, the service certificate is served: %s", exc)
        return _browser_context(installed.service_pem)


def _browser_context(pem: Path) -> ssl.SSLContext:
    context = _AnsweringContext(ssl.PROTOCOL_TLS_SERVER)
    context.sslobject_class = _AnsweringObject
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(pem)
    return context


async def retire(server: asyncio.Server) -> None:
    """Close a server whose successor listens, and lose no connection that it has accepted."""
    for each in server.sockets:
        asyncio.get_running_loop().remove_reader(each)  # it accepts no more
    # asyncio drops, without a word, what was accepted a moment ago and has no transport yet when its server is closed.
    await asyncio.sleep(0)
    server.close()
