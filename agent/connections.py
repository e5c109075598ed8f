"""The data connections of the trust zone, with passwords decrypted by this node's service keys."""

import asyncio
import base64
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from agent.central import ask
from agent.state import State
from agent.store import Installed, KeyRing, Store
from pki.core import sealing
from pki.core.errors import Altered, PKIError, UnknownKey

TABLE, COLUMN = "nodes_connection", "password"


class Unavailable(Exception):
    """The connections cannot be read. The text says why and what to do."""


@dataclass(frozen=True)
class Connection:
    """One data connection. `password` is None if none is set, or if it cannot be decrypted: then `problem` says why and what to do."""

    id: str
    name: str
    type: str
    connection_string: str
    username: str
    password: str | None = field(repr=False)
    problem: str


def read(home: Path) -> list[Connection]:
    """All connections, sorted by name. `home` is the agent's folder. Raises: Unavailable. Do not call it in an event loop."""
    try:
        installed = Store(home).current()
    except (OSError, ValueError, PKIError) as exc:
        raise Unavailable(
            f"The certificates in {home} cannot be read: {exc}. Run this as the user of the agent, or redistribute the node."
        ) from exc
    if installed is None:
        raise Unavailable(f"Nothing is installed in {home}. Give the agent's home, and register the node in the console first.")
    state = State(home)
    try:
        rows = asyncio.run(_fetched(state, installed))
        ring = state.store.key_ring()
        return sorted((_opened(row, ring) for row in rows), key=lambda connection: connection.name.lower())
    except OSError as exc:
        raise Unavailable(f"The central node did not give the connections: {exc}. Is it running, and is this node registered?") from exc
    except (ValueError, KeyError, TypeError, AttributeError) as exc:
        raise Unavailable(f"The answer of the central node cannot be read ({type(exc).__name__}). Update this agent.") from exc


async def _fetched(state: State, installed: Installed) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    after: dict[str, str] = {}
    while True:
        answer = json.loads(await ask(state, installed, "GET", f"/api/v1/connections/?{urlencode(after)}"))
        rows += answer["results"]
        if not answer["next"]:
            return rows
        after = {"after": answer["next"]}


def _opened(row: dict[str, Any], ring: KeyRing) -> Connection:
    password, problem = None, ""
    if row["password"] is not None:
        try:
            sealed, place = base64.b64decode(row["password"]), sealing.bound_to(TABLE, COLUMN, row["id"])
            password = sealing.unseal(ring.keys.values(), sealed, bound_to=place).decode()
        except UnknownKey as exc:
            why = " ".join([str(exc), *ring.problems.values()])
            problem = f"The password of {row['name']} cannot be decrypted: {why} Renew this node's certificates in the console."
        except (Altered, ValueError) as exc:
            why = str(exc) if isinstance(exc, Altered) else "The decrypted value is not text."
            problem = f"The password of {row['name']} cannot be decrypted: {why} Type it again in the console."
    plain = {name: str(row[name]) for name in ("id", "name", "type", "connection_string", "username")}
    return Connection(**plain, password=password, problem=problem)


def table(connections: list[Connection]) -> str:
    """A table for a person: the connections and whether their passwords can be decrypted, without the passwords."""
    lines = [("NAME", "TYPE", "USER NAME", "PASSWORD", "CONNECTION STRING")]
    for connection in connections:
        state = "unreadable" if connection.problem else "not set" if connection.password is None else "readable"
        lines.append((connection.name, connection.type, connection.username, state, connection.connection_string))
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    rows = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines]
    return "\n".join([*rows, *(opened.problem for opened in connections if opened.problem)])
