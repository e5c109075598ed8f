"""The stored members of a report, checked when they are read from the database."""

from typing import Any

from pki.exchange.readers import (
    Read,
    key_id,
    map_of,
    sha256,
    stamp,
)
from pki.exchange.report import MOST_KEYS, OPTIONAL, REQUIRED

# The members of a report that the central node stores, and further values of its own.
KEPT: dict[str, tuple[Read, Any]] = {
    **{name: (REQUIRED[name], list) for name in ("trusts", "database_keys")},
    **{name: (REQUIRED[name], dict) for name in ("revocation_lists", "installed", "served")},
    **{name: (OPTIONAL[name], dict) for name in ("hook", "browser")},
    "central_addresses": (OPTIONAL["central_addresses"], list),
    "proved": (map_of(key_id, stamp, MOST_KEYS), dict),
    "challenges": (map_of(key_id, sha256, MOST_KEYS), dict),
}


def kept(name: str, value: Any) -> Any:
    """A stored member of a report; empty if its format is not valid today, as in values of older versions and backups."""
    read, empty = KEPT[name]
    try:
        return read(value)
    except ValueError:
        return empty()
