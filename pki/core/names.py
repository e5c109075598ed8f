"""The names that a certificate may have (RFC 1123, RFC 5280 section 4.2.1.6). Input is checked and never corrected."""

import contextlib
import ipaddress
import re
from collections.abc import Iterable

from cryptography import x509

from pki.core.errors import InvalidName

LONGEST_NAME = 64  # ub-common-name, RFC 5280 appendix A.1
LONGEST_CENTRAL_NAME = 58  # leaves room for "-CA-99" in the root's common name
LABEL = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?")


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _structure(text: str) -> str:
    """The problem of the name as a whole, "" if there is none."""
    if not text:
        return "the host name is empty. Type the name under which other machines reach the node"
    if text.isspace() or any(symbol.isspace() for symbol in text):
        return "the host name contains a space or a line break. Remove it"
    if "://" in text:
        return "the host name starts with a scheme such as https://. Type the name alone"
    if _is_address(text.strip("[]")):
        return "this is an IP address, not a host name. Enter the name here, and the address in its own field"
    if ":" in text:
        return "the host name contains a port. Type the name alone; ports have their own fields"
    if "*" in text:
        return "the host name contains a wildcard. A node's certificate names exactly one machine"
    if "_" in text:
        return "the host name contains an underscore, which RFC 1123 does not allow. Rename the machine or use an alias"
    return ""


def _in_dns(text: str) -> str:
    with contextlib.suppress(UnicodeError):
        return ": " + text.encode("idna").decode()
    return ", which begins with xn--"


def host_name(text: str, *, limit: int = LONGEST_NAME) -> str:
    """`text` unchanged if it is a host name of at most `limit` characters. Raises: InvalidName, saying what to do."""
    problem = _structure(text)
    if not problem and len(text) > limit:
        problem = f"the host name has {len(text)} characters, at most {limit} fit into a certificate. Use a shorter name"
    if not problem and text.endswith("."):
        problem = "the host name ends with a dot. Leave the dot out"
    if not problem and not text.isascii():
        problem = f"the host name has letters beyond a–z. Type it in the form that DNS has{_in_dns(text)}"
    if problem:
        raise InvalidName(problem[0].upper() + problem[1:] + ".")
    for label in text.split("."):
        if len(label) > 63:
            raise InvalidName(f"The part {label[:20]}… of the host name has {len(label)} characters; at most 63 are allowed.")
        if not LABEL.fullmatch(label):
            raise InvalidName(
                f"The part “{label}” of the host name is not allowed: letters a–z, digits and hyphens, no hyphen at either end, "
                "no empty part between two dots."
            )
    if text.rsplit(".", 1)[-1].isdigit():
        raise InvalidName("The last part of the host name is a number, so it reads like an IP address. Use a name.")
    return text


def is_fully_qualified(text: str) -> bool:
    return "." in text


def subject_alternative_name(text: str) -> x509.GeneralName:
    """An iPAddress or dNSName for a certificate. Raises: InvalidName."""
    if "%" in text:  # certificates have no interface scopes (RFC 5280 section 4.2.1.6)
        raise InvalidName(f"The name {text[:64]} contains a percent sign. Type an address without its interface.")
    try:
        return x509.IPAddress(ipaddress.ip_address(text))
    except ValueError:
        return x509.DNSName(host_name(text, limit=253))


def san_strings(names: Iterable[x509.GeneralName]) -> list[str]:
    return [str(name.value) for name in names]
