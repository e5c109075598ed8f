"""qmcctl login, qmcctl logout."""

import http.client
import ssl
import sys
from _ssl import ENCODING_PEM as PEM
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from cli import output, profile
from cli.commands.frame import ApiCommand, json_option, secret_from_input
from cli.errors import CommandError, Untrusted, UsageWrong
from cli.profile import Profile
from cli.site import TIMEOUT_S, Site, cannot_connect, trusting
from pki.core.verify import fingerprint as fingerprint_of
from pki.core.verify import grouped, subject_of


@click.command(cls=ApiCommand)
@click.argument("url")
@click.option("--root", type=click.Path(path_type=Path), metavar="FILE", help="Trust the certificates in this PEM file, such as roots.pem.")
@click.option("--fingerprint", metavar="SHA256", help="Trust the root with this fingerprint, which the site sends.")
@json_option
def login(url: str, root: Path | None, fingerprint: str | None, as_json: bool) -> None:
    """Store the address, the root and a token of a site.

    The token is typed without echo, or is one line of standard input. It is kept in the keyring, or else in a file that only you can read.
    """
    url = profile.address(url)
    roots = _roots(url, root, _plain(fingerprint) if fingerprint else "")
    context = trusting(roots)  # before the token is asked for: no token is typed for an unknown site
    _verified(url, context)
    token = secret_from_input("Token")
    if not token.isascii() or not token.isprintable():
        raise UsageWrong("This is no token: it has other characters.", "Copy it again.")
    site = Site(Profile(url, token), context)
    try:
        site.get("/nodes/", page_size=1)
        roots = _current(site, roots)
    finally:
        site.close()
    where = profile.save(url, token, roots.encode() if roots else None)
    pinned = [fingerprint_of(each) for each in x509.load_pem_x509_certificates(roots.encode())] if roots else []
    if as_json:
        output.document({"url": url, "token_in": where, "roots": pinned})
        return
    output.line(f"Signed in at {url}. The token is in {where}.")
    for each in pinned:
        output.line(f"Trusted root, SHA-256: {grouped(each)}")


@click.command(cls=ApiCommand)
@json_option
def logout(as_json: bool) -> None:
    """Remove the stored address, root and token. The token stays valid until it is revoked in the console."""
    url = profile.forget()
    if as_json:
        output.document({"url": url})
    else:
        output.line(
            f"The token for {url} was removed here. Revoke it on the page Tokens if it is not needed." if url else "Nothing was stored."
        )


def _plain(fingerprint: str) -> str:
    """Raises: UsageWrong."""
    plain = "".join(fingerprint.split()).replace(":", "").lower()
    if len(plain) != 64 or set(plain) - set("0123456789abcdef"):
        raise UsageWrong(f"{fingerprint!r} is no SHA-256 fingerprint.", "It has 64 hexadecimal digits.")
    return plain


def _roots(url: str, file: Path | None, fingerprint: str) -> str:
    """The PEM of the roots to trust; empty for those of the system."""
    if file:
        try:
            found = x509.load_pem_x509_certificates(file.read_bytes())
        except (OSError, ValueError) as exc:
            raise UsageWrong(f"{file} cannot be read as certificates: {exc}.", "Give a PEM file, such as roots.pem.") from exc
    elif fingerprint:
        found = _sent(url)
    elif stored := profile.stored_roots(url):
        return stored.read_text()
    elif _is_trusted_by_system(url):
        return ""
    else:
        return _asked(url)
    chosen = [each for each in found if not fingerprint or fingerprint_of(each) == fingerprint]
    if not chosen:
        seen = ", ".join(grouped(fingerprint_of(each)) for each in found) or "none"
        raise Untrusted(f"No certificate has this fingerprint. Found: {seen}.", "Compare it with the root on the central node.")
    return _pem(chosen)


def _asked(url: str) -> str:
    roots = [each for each in _sent(url) if each.issuer == each.subject]
    if not roots or not sys.stdin.isatty():
        _verified(url, trusting(None))
    for each in roots:
        output.line(f"{url} is not known here. Its root: {output.printable(subject_of(each))}", error=True)
        output.line(f"SHA-256: {grouped(fingerprint_of(each))}", error=True)
    click.confirm("Is this the fingerprint of your site? The page Root certificate shows it", abort=True, err=True)
    return _pem(roots)


def _pem(certificates: list[x509.Certificate]) -> str:
    return "".join(each.public_bytes(Encoding.PEM).decode() for each in certificates)


def _sent(url: str) -> list[x509.Certificate]:
    """The certificates that the site sends, not verified. Nothing else is sent or received over this connection."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    connection = _connect(url, context)
    try:
        tls: Any = connection.sock
        chain = tls._sslobj.get_unverified_chain() or ()  # public since Python 3.13
        return [x509.load_pem_x509_certificate(each.public_bytes(PEM).encode()) for each in chain]
    finally:
        connection.close()


def _connect(url: str, context: ssl.SSLContext) -> http.client.HTTPSConnection:
    parts = urlsplit(url)
    connection = http.client.HTTPSConnection(parts.hostname or "", parts.port, context=context, timeout=TIMEOUT_S)
    try:
        connection.connect()
    except OSError as exc:
        raise cannot_connect(url, exc) from exc
    return connection


def _verified(url: str, context: ssl.SSLContext) -> None:
    """Raises: Untrusted, Away."""
    _connect(url, context).close()


def _is_trusted_by_system(url: str) -> bool:
    try:
        _verified(url, trusting(None))
    except Untrusted:
        return False
    return True


def _current(site: Site, roots: str) -> str:
    """With the roots that the site has now, if its own root is trusted: so a rotation of the root needs no file."""
    if not roots:
        return roots
    known = {fingerprint_of(each) for each in x509.load_pem_x509_certificates(roots.encode())}
    try:
        rows = list(site.rows("/certificates/", kind="root", status="issued"))
        if not known & {row["sha256"] for row in rows}:  # another authority issued the browser certificate
            return roots
        return "".join(site.get(f"/certificates/{row['id']}/pem/") for row in rows)
    except CommandError:  # this token may not read certificates
        return roots
