"""The addresses from which a credential may be used: IP addresses and networks, as the standard library writes them."""

import ipaddress
from collections.abc import Sequence

from web.errors import InputInvalid

MOST_NETWORKS = 50


def networks_read(addresses: Sequence[str]) -> list[str]:
    """Raises: InputInvalid."""
    if len(addresses) > MOST_NETWORKS:
        raise InputInvalid({"addresses": [f"At most {MOST_NETWORKS} addresses and networks can be allowed."]})
    found = []
    for text in addresses:
        try:
            found.append(str(ipaddress.ip_network(text.strip())))
        except ValueError:
            example = "Examples: 10.0.0.5, 10.0.0.0/24, fd00::/64."
            raise InputInvalid({"addresses": [f"“{text[:60]}” is not an IP address or network. {example}"]}) from None
    return found
