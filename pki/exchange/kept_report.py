"""What the central node keeps of a report, read again from the database."""

from typing import Any

from pki.exchange.readers import (
    Read,
    key_id,
    map_of,
    sha256,
    stamp,
)
from pki.exchange.report import MOST_KEYS, OPTIONAL, REQUIRED

# What the central node keeps of a report, and of its own beside it.
KEPT: dict[str, tuple[Read, Any]] = {
    **{name: (REQUIRED[name], list) for name in ("trusts", "database_keys")},
    **{name: (REQUIRED[name], dict) for name in ("revocation_lists", "installed", "served")},
    **{name: (OPTIONAL[name], dict) for name in ("hook", "browser")},
    "central_addresses": (OPTIONAL["central_addresses"], list),
    "proved": (map_of(key_id, stamp, MOST_KEYS), dict),
    "challenges": (map_of(key_id, sha256, MOST_KEYS), dict),
}


def kept(name: str, value: Any) -> Any:
    """What was stored of a report, as `KEPT` names it: empty where today no report may say that. Older versions and backups hold such values."""
    read, empty = KEPT[name]
    try:
        return read(value)
    except ValueError:
        return empty()
