"""Data connections: created, changed and deleted here. Only nodes decrypt their passwords."""

import base64
import json
import re
import uuid
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction

from audit.actors import Actor
from audit.record import record
from certs.models import DatabaseKey
from nodes.errors import InputInvalid
from nodes.models import Connection, ConnectionType
from sealing.fields import Secret

MOST_AT_ONCE, LARGEST_PAGE = 20, 49152  # an agent accepts 64 KiB, and one connection has at most 20 KiB
LENGTHS = {"name": (1, 100), "connection_string": (1, 2000), "username": (0, 200), "password": (1, 1000)}
LABELS = {"name": "A name", "connection_string": "A connection string", "username": "A user name", "password": "A password"}
HOLDS_PASSWORD = re.compile(r"(passw(or)?d|pwd)\s*=|://[^\s/?#@:]*:[^\s/@]+@", re.IGNORECASE)


def _problem(field: str, value: str) -> str:
    fewest, most = LENGTHS[field]
    if not fewest <= len(value) <= most or not value.isprintable():
        return f"{LABELS[field]} must have {fewest} to {most} printable characters, in one line."
    if field in ("name", "connection_string") and value != value.strip():
        return f"{LABELS[field]} cannot start or end with a space. Remove the space."
    if field == "connection_string" and HOLDS_PASSWORD.search(value):
        return "This contains a password that other people could read here. Remove it, and enter it in the password field, where it is encrypted."
    return ""


def _named(name: str, besides: uuid.UUID | None) -> bool:
    others = Connection.objects.exclude(pk=besides) if besides else Connection.objects.all()
    return others.filter(name__iexact=name).exists()


def _check(fields: dict[str, Any], *, besides: uuid.UUID | None = None) -> None:
    """Raises: InputInvalid. None means no password; "" is refused, so that a password is not cleared by mistake."""
    errors = {}
    for field in LENGTHS:
        if fields.get(field) is not None and (problem := _problem(field, fields[field])):
            errors[field] = [problem]
    if fields["type"] not in ConnectionType.values:
        errors["type"] = [
            f"“{fields['type'][:40]}” is not a known type of connection. The known types are: {', '.join(ConnectionType.values)}."
        ]
    if "name" not in errors and _named(fields["name"], besides):
        errors["name"] = ["A connection with this name already exists. Choose another name."]
    if errors:
        raise InputInvalid(errors)


def _taken() -> InputInvalid:
    return InputInvalid({"name": ["Another person has just used this name. Choose another name."]})


def connection_create(
    *, actor: Actor, now: datetime, name: str, type: str, connection_string: str, username: str = "", password: str | None = None
) -> Connection:
    """Create a connection with an encrypted password. Raises: PermissionRefused, InputInvalid, ZoneMissing, ZoneBroken, UnknownKey."""
    actor.require("nodes.add_connection")
    fields = {"name": name, "type": type, "connection_string": connection_string, "username": username, "password": password}
    _check(fields)
    connection = Connection(**fields, created_at=now, changed_at=now)
    try:
        with transaction.atomic():
            connection.save(force_insert=True)
            detail = {"type": type, "password_set": password is not None}
            record(actor=actor, action="connection.created", target=connection, detail=detail, now=now)
    except IntegrityError as exc:
        raise _taken() from exc
    return connection


def connection_change(*, actor: Actor, connection: Connection, now: datetime, **changes: Any) -> Connection:
    """Change the fields that are given; the others stay. A `password` of None clears it.

    Raises: PermissionRefused, InputInvalid, ZoneMissing, ZoneBroken, UnknownKey.
    """
    actor.require("nodes.change_connection")
    try:
        with transaction.atomic():
            held = Connection.objects.select_for_update().filter(pk=connection.pk).first()
            if held is None:
                raise InputInvalid({"connection": ["Another person has deleted this connection. Create it again if you need it."]})
            _check({name: getattr(held, name) for name in ("name", "type", "connection_string", "username")} | changes, besides=held.pk)
            # A password in the request always counts as changed, so that nobody learns whether it equals the old one.
            changed = sorted(name for name, value in changes.items() if getattr(held, name) != value)
            for name in changed:
                setattr(held, name, changes[name])
            if changed:
                held.changed_at = now
                held.save(update_fields=[*changed, "changed_at"])
                record(actor=actor, action="connection.changed", target=held, detail={"fields": changed}, now=now)
    except IntegrityError as exc:
        raise _taken() from exc
    return held


@transaction.atomic
def connection_delete(*, actor: Actor, connection: Connection, now: datetime) -> None:
    """Delete a connection with its password, if it still exists. Raises: PermissionRefused."""
    actor.require("nodes.delete_connection")
    deleted, _ = Connection.objects.filter(pk=connection.pk).delete()
    if deleted:
        record(actor=actor, action="connection.deleted", target=connection, detail={"type": connection.type}, now=now)


def key_versions() -> dict[str, int]:
    """The version of the database key for each key id."""
    return {key_id: version for key_id, version in DatabaseKey.objects.values_list("key_id", "version") if key_id}


def password_description(held: Secret, versions: dict[str, int]) -> str:
    """The description of a stored password on a page."""
    version = versions.get(held.key_id)
    return f"set, database key version {version}" if version else "set, encrypted with an unknown database key"


def connections_page(*, after: uuid.UUID | None) -> dict[str, Any]:
    """A page of connections for nodes, in the order of their ids, with encrypted passwords; `next` is the last id if there are more."""
    rows = Connection.objects.order_by("pk")
    if after:
        rows = rows.filter(pk__gt=after)
    results: list[dict[str, Any]] = []
    size = 0
    for row in rows[: MOST_AT_ONCE + 1]:
        content = {"id": str(row.pk), **{name: getattr(row, name) for name in ("name", "type", "connection_string", "username")}}
        content["password"] = base64.b64encode(row.password.sealed).decode() if row.password else None
        size += len(json.dumps(content, ensure_ascii=False).encode())
        if results and (len(results) == MOST_AT_ONCE or size > LARGEST_PAGE):
            return {"results": results, "next": results[-1]["id"]}
        results.append(content)
    return {"results": results, "next": None}
