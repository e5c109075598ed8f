"""Every setting of an installation: name, format, default and purpose. Each process reads them from the environment once, at its start.

`qmc settings --explain` shows the values in force, and docs/install.md has the same table.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, get_type_hints
from urllib.parse import urlsplit

import dj_database_url
from kombu.transport import TRANSPORT_ALIASES

from certs.keys.policy import key_types
from outbound.http import url_checked
from pki.core.addresses import central_address, netloc
from pki.core.database_key import PRESCRIBED, Oids
from pki.core.errors import PKIError
from pki.core.keys import KeyType
from pki.core.origins import allowed_host, origin
from pki.core.roles import Kind

PREFIX, DATA_DIR = "QMC_", "QMC_DATA_DIR"
CONSOLE, NODE_API, METRICS = "console", "node-api", "metrics"
LOG_FORMATS = ("line", "json")
LEAST_HEARTBEAT_S, MOST_HEARTBEAT_S = 1, 3600
# Variables of other programs, which are not settings of an installation.
ELSEWHERE = {
    "QMC_WHAT": "reload hooks of the agent",
    "QMC_HOME": "reload hooks of the agent",
    "QMC_GENERATION": "reload hooks of the agent",
    "QMC_URL": "the example docs/register-node.sh",
    "QMC_TOKEN": "the example docs/register-node.sh",
    "QMC_CACERT": "the example docs/register-node.sh",
    "QMC_WAIT_S": "the example docs/register-node.sh",
    "QMC_GENERATED_S": "the tests",
    "QMC_FAULTS": "tests/faults",
    "QMC_SLOW": "the tests",
    "QMC_PICTURES": "the browser tests",
}


class SettingInvalid(ValueError):
    """An invalid setting. The text names the variable, its value unless it can contain a password, and the remedy."""


@dataclass(frozen=True)
class Row:
    """One setting. `default` is written as in the environment. QMC_DATA_DIR in it means the data directory."""

    name: str
    parse: Callable[[str], Any]
    """Raises: ValueError or PKIError, whose text is the remedy."""
    purpose: str
    default: str = ""
    is_secret: bool = False
    """The value can contain a password, so it is never shown completely."""
    empty_counts: bool = False
    """Whether an empty value is a value. If not, it means that the setting is not set."""
    overrides: str = ""
    """The field of the site's data (`SiteAddresses`) that this setting overrides; "" for none."""

    def is_given(self, environment: Mapping[str, str]) -> bool:
        return self.name in environment and (self.empty_counts or bool(environment[self.name].strip()))

    def read(self, environment: Mapping[str, str], data_dir: Path | None) -> Any:
        """Raises: SettingInvalid."""
        if not self.is_given(environment):
            return self.parse(self.default.replace(DATA_DIR, str(data_dir)))
        text = environment[self.name]
        try:
            return self.parse(text)
        except (ValueError, PKIError) as exc:
            shown = "cannot be used, and is not shown because it can contain a password" if self.is_secret else f"is {text[:80]!r}"
            raise SettingInvalid(f"{self.name} {shown}. {exc}") from exc

    def shown(self, value: Any) -> str:
        """The value as it is written in the environment, without parts that can be a password."""
        text = as_text(value)
        return without_secrets(text) if self.is_secret else text


def as_text(value: Any) -> str:
    """A parsed value as it is written in the environment."""
    match value:
        case None:
            return ""
        case Oids():
            return ",".join(value.texts())
        case [*texts]:
            return ",".join(texts)
        case dict():
            return ",".join(f"{name}={setting}" for name, setting in value.items())
    return str(value)


def without_secrets(urls: str) -> str:
    """URLs, separated by semicolons, without users, passwords and queries."""
    return ";".join(_without_secrets(url) for url in re.split(r";(?=[\w+]+://)", urls) if url)


def _without_secrets(url: str) -> str:
    scheme, separator, rest = url.partition("://")
    place, question, query = rest.partition("?")
    if scheme in ("http", "https"):  # the path can be the password
        place = f"{place.partition('/')[0]}/***"
    _, at, host = place.rpartition("@")
    if not separator or "@" in query:  # the password can be in any part
        return "***"
    return f"{scheme}://{'***@' if at else ''}{host}{'?***' if question else ''}"


def listed(check: Callable[[str], str]) -> Callable[[str], tuple[str, ...]]:
    """Texts, separated by commas, each as `check` returns it."""
    return lambda text: tuple(check(part.strip()) for part in text.split(",") if part.strip())


def optional_path(text: str) -> Path | None:
    return Path(text) if text else None


def process(text: str) -> str:
    if text not in (CONSOLE, NODE_API, METRICS):
        raise ValueError(f"Give {CONSOLE}, {NODE_API} or {METRICS}, or unset it for {CONSOLE}.")
    return text


def log_format(text: str) -> str:
    if text not in LOG_FORMATS:
        raise ValueError(f"Give {' or '.join(LOG_FORMATS)}, or unset it for {LOG_FORMATS[0]}.")
    return text


def heartbeat_s(default: int) -> Callable[[str], int]:
    """An interval between heartbeats, with the same limits as in the agent."""

    def parse(text: str) -> int:
        try:
            return min(max(int(text), LEAST_HEARTBEAT_S), MOST_HEARTBEAT_S)
        except ValueError:
            raise ValueError(f"Give seconds, {LEAST_HEARTBEAT_S} to {MOST_HEARTBEAT_S}, or unset it for {default}.") from None

    return parse


def database_of(url: str) -> dict[str, Any]:
    """The database of DATABASE_URL. Raises: ValueError, whose text does not repeat the URL, because it has a password."""
    try:
        found = dj_database_url.parse(url, conn_max_age=60, conn_health_checks=True)
    except ValueError:
        found = {}
    if found.get("ENGINE") not in ("django.db.backends.postgresql", "django.db.backends.sqlite3"):
        raise ValueError(
            "Give postgres://USER:PASSWORD@HOST:PORT/NAME, with special characters of the password percent-encoded, or unset it for SQLite in the "
            "data directory."
        )
    if found["ENGINE"] == "django.db.backends.postgresql":
        # PostgreSQL takes longer to compile a query of a page than to run it.
        found["OPTIONS"] = {"options": "-c jit=off -c max_parallel_workers_per_gather=0"} | found.get("OPTIONS", {})
    return dict(found)


def database_url(text: str) -> str:
    if text:
        database_of(text)
    return text


def broker_url(text: str) -> str:
    """A URL of any transport of Kombu, or several URLs, separated by semicolons."""
    for url in text.split(";"):
        scheme, separator, _ = url.partition("://")
        if not separator or scheme.partition("+")[0] not in TRANSPORT_ALIASES or not _has_port(url):
            raise ValueError("Give redis://USER:PASSWORD@HOST:PORT/NUMBER, or unset it for files in the data directory.")
    return text


def _has_port(url: str) -> bool:
    """A group, by name or number, or none."""
    try:
        return urlsplit(url).port != 0
    except ValueError:
        return False


def node_api_address(text: str) -> str:
    found = central_address(text)
    return netloc(found.address, found.port)


def base_url(text: str) -> str:
    return origin(text.strip()) if text else ""


def watchdog_url(text: str) -> str:
    return url_checked(text.strip()).geturl() if text else ""


def host_pattern(text: str) -> str:
    """A host name. `*` means every name. A dot before a name includes its subdomains."""
    return text if text == "*" else f".{allowed_host(text[1:])}" if text.startswith(".") else allowed_host(text)


def network(text: str) -> str:
    try:
        return str(ip_network(text))
    except ValueError:
        raise ValueError("Give networks such as 127.0.0.0/8 or 10.4.2.0/24, separated by commas, without host bits.") from None


def database_key_oids(text: str) -> Oids:
    key, comma, algorithm = text.partition(",")
    if not comma:
        raise ValueError(f"Give two OIDs, separated by a comma, or unset it for {as_text(PRESCRIBED)}.")
    return Oids.parse(key.strip(), algorithm.strip())


def token_requests(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise ValueError("Give a number of requests, 0 for no limit, or unset it for 6000.")
    return int(text)


@dataclass(frozen=True, repr=False)  # a traceback must not show a URL with a password
class Installation:
    """The settings of this process. `given` are the names that the environment sets. `unknown` are its other names that begin with QMC_."""

    data_dir: Annotated[
        Path,
        Row(
            DATA_DIR,
            lambda text: Path(text).absolute(),
            "The data directory. The option `--data-dir` sets it too.",
            default="var",
            empty_counts=True,
        ),
    ]
    database_url: Annotated[str, Row("DATABASE_URL", database_url, "The database. Not set: SQLite in the data directory.", is_secret=True)]
    broker_url: Annotated[
        str,
        Row(
            "CELERY_BROKER_URL",
            broker_url,
            "The broker. The default is files in the data directory.",
            default="filesystem://localhost",
            is_secret=True,
        ),
    ]
    node_api_addresses: Annotated[
        tuple[str, ...],
        Row(
            "QMC_NODE_API_ADDRESSES",
            listed(node_api_address),
            "The addresses that nodes call, separated by commas.",
            overrides="node_api_addresses",
        ),
    ]
    base_url: Annotated[str, Row("QMC_BASE_URL", base_url, "The URL at which people open the console.", overrides="base_url")]
    allowed_hosts: Annotated[
        tuple[str, ...],
        Row(
            "QMC_ALLOWED_HOSTS",
            listed(host_pattern),
            "Further names that the console answers for, separated by commas.",
            overrides="allowed_hosts",
        ),
    ]
    trusted_origins: Annotated[
        tuple[str, ...],
        Row(
            "QMC_TRUSTED_ORIGINS",
            listed(origin),
            "Further origins from which the console accepts forms, separated by commas.",
            overrides="trusted_origins",
        ),
    ]
    secret_key_file: Annotated[
        Path, Row("QMC_SECRET_KEY_FILE", Path, "The file with the key for sessions.", default=f"{DATA_DIR}/secrets/secret-key")
    ]
    central_key_file: Annotated[
        Path, Row("QMC_CENTRAL_KEY_FILE", Path, "The file with the central key.", default=f"{DATA_DIR}/secrets/central-key")
    ]
    root_passphrase_file: Annotated[
        Path | None,
        Row(
            "QMC_ROOT_PASSPHRASE_FILE",
            optional_path,
            "The file with the root passphrase, for workers only. If it is empty, this process does not get it.",
            default=f"{DATA_DIR}/secrets/root-passphrase",
            empty_counts=True,
        ),
    ]
    backup_dir: Annotated[
        Path,
        Row("QMC_BACKUP_DIR", Path, "The folder on the central node for backups that the console makes.", default=f"{DATA_DIR}/backups"),
    ]
    backup_passphrase_file: Annotated[
        Path,
        Row(
            "QMC_BACKUP_PASSPHRASE_FILE",
            Path,
            "The file on the central node with the passphrase of scheduled backups.",
            default=f"{DATA_DIR}/secrets/backup-passphrase",
        ),
    ]
    group: Annotated[
        str,
        Row(
            "QMC_GROUP",
            str,
            "A group that can read and write the data directory, for two accounts. It never gets the root passphrase. Agents read this setting "
            "too.",
        ),
    ]
    heartbeat_s: Annotated[
        int,
        Row(
            "QMC_HEARTBEAT_S",
            heartbeat_s(60),
            "The fewest seconds between the calls of a node, 1 to 3600. A node is silent after three missed calls, and at the earliest after "
            "three minutes.",
            default="60",
        ),
    ]
    heartbeat_max_s: Annotated[
        int,
        Row(
            "QMC_HEARTBEAT_MAX_S",
            heartbeat_s(600),
            "The most seconds between the calls of a node, 1 to 3600. Calls are less frequent on a site with thousands of nodes, and while the "
            "central node is busy.",
            default="600",
        ),
    ]
    key_types: Annotated[
        dict[Kind, KeyType], Row("QMC_KEY_TYPES", key_types, "Types of new keys, such as `service=RSA-4096,client=EC P-384`.")
    ]
    database_key_oids: Annotated[
        Oids,
        Row(
            "QMC_DATABASE_KEY_OIDS",
            database_key_oids,
            "Two OIDs for the database key and its algorithm. They are read only when the trust zone is made.",
            default=as_text(PRESCRIBED),
        ),
    ]
    outbound_networks: Annotated[
        tuple[str, ...],
        Row(
            "QMC_OUTBOUND_NETWORKS",
            listed(network),
            "Loopback, link-local and reserved networks that webhooks, mail servers and the watchdog may have addresses in, such as `127.0.0.0/8` "
            "for a mail server on this machine. Separated by commas.",
        ),
    ]
    watchdog_url: Annotated[
        str,
        Row(
            "QMC_WATCHDOG_URL",
            watchdog_url,
            "The URL that workers call each minute while the console is well. It overrides the URL in the rules of alerts.",
            is_secret=True,
        ),
    ]
    token_requests: Annotated[
        int,
        Row(
            "QMC_TOKEN_REQUESTS",
            token_requests,
            "The most requests of one API token in a minute. 0: no limit.",
            default="6000",
        ),
    ]
    metrics_networks: Annotated[
        tuple[str, ...],
        Row(
            "QMC_METRICS_NETWORKS",
            listed(network),
            "Networks that read `/metrics` without a token, such as `10.4.2.7/32`. Separated by commas. Not set: a token is needed.",
        ),
    ]
    log_format: Annotated[
        str,
        Row(
            "QMC_LOG_FORMAT",
            log_format,
            "The format of the logs: `line`, or `json` for one JSON object on each line. Agents read this setting too.",
            default="line",
        ),
    ]
    process: Annotated[
        str, Row("QMC_PROCESS", process, "Which web process this is: `console`, `node-api` or `metrics`. `up` sets it.", default=CONSOLE)
    ]
    given: frozenset[str]
    unknown: tuple[str, ...]


HINTS = get_type_hints(Installation, include_extras=True)
# Field → setting, in the order in which they are listed.
ROWS: dict[str, Row] = {name: hint.__metadata__[0] for name, hint in HINTS.items() if hasattr(hint, "__metadata__")}
NAMES = [row.name for row in ROWS.values()]


def installation_read(environment: Mapping[str, str]) -> Installation:
    """Read all settings. Raises: SettingInvalid, with a line for each invalid setting."""
    values: dict[str, Any] = {}
    wrong: list[str] = []
    for name, row in ROWS.items():
        try:
            values[name] = row.read(environment, values.get("data_dir"))
        except SettingInvalid as exc:
            wrong.append(str(exc))
    if wrong:
        raise SettingInvalid("\n".join(wrong))
    return Installation(
        **values,
        given=frozenset(row.name for row in ROWS.values() if row.is_given(environment)),
        unknown=tuple(sorted(name for name in environment if name.startswith(PREFIX) and name not in {*NAMES, *ELSEWHERE})),
    )


def nearest(name: str) -> str:
    """The setting whose name is most similar to `name`."""
    return get_close_matches(name, NAMES, n=1, cutoff=0)[0]
