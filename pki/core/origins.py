"""The URLs and host names of a console for browsers. Input is checked and not corrected, apart from the case of names."""

from urllib.parse import urlsplit

from pki.core.addresses import bare, central_address, is_wildcard, url_host
from pki.core.errors import InvalidName

HTTPS_PORT = 443


def origin(text: str) -> str:
    """`https://HOST[:PORT]` in the form of browsers. Raises: InvalidName, saying what to do."""
    example = "Give https:// and the host in the address bar of the browser, such as https://console.example:8443."
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError as exc:
        raise InvalidName(f"{text[:80]} is not a URL. {example}") from exc
    if parts.scheme != "https" or not host or port == 0 or parts.username is not None or not text.isprintable() or " " in text:
        raise InvalidName(f"{text[:80]} is not a URL of this console. {example}")
    if parts.path not in ("", "/") or parts.query or parts.fragment:
        raise InvalidName(f"{text[:80]} has a path, but the address of this console has none. {example}")
    checked = allowed_host(url_host(host))
    return f"https://{checked}" if port in (None, HTTPS_PORT) else f"https://{checked}:{port}"


def host_of(origin: str) -> str:
    """The host of an origin, without its port."""
    host = urlsplit(origin).hostname
    return url_host(host) if host else ""


def allowed_host(text: str) -> str:
    """The name or address of a Host header, without a port; lower case. Raises: InvalidName, saying what to do."""
    if ":" in bare(text) and not text.startswith("["):
        raise InvalidName(
            f"{text[:80]} has a port, or is an IPv6 address without brackets. Give the name alone: it is allowed with any port."
        )
    found = central_address(text).address.lower()
    if is_wildcard(found):
        raise InvalidName(f"{text[:80]} means all addresses of a machine; a browser asks for one. Give a name or an address.")
    return url_host(found)
