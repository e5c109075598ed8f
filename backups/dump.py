"""The rows of every model as lines of JSON, independent of the database engine: write them, and read them into another database."""

import io
import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from itertools import groupby, islice
from operator import itemgetter
from typing import Any

from django.apps import apps
from django.core import serializers
from django.core.management.color import no_style
from django.core.serializers.base import DeserializationError, DeserializedObject
from django.core.serializers.json import DjangoJSONEncoder
from django.db import connection, models, transaction
from django.db.utils import IntegrityError

from backups.archive import DATA, Archive, BackupError, private_keys
from sealing.fields import encrypted_fields
from sealing.root_passphrase import root_sealed_columns

# Left out: rows that `migrate` makes, rows without use elsewhere (the files of other backups are not in a backup), and keys made ahead. The site uses
# those after the backup, and each key is used once.
LEFT_OUT = {
    "contenttypes.contenttype",
    "auth.permission",
    "sessions.session",
    "usersessions.usersession",
    "certs.pooledkey",
    "backups.backup",
}
# `migrate` makes these rows too. Those of the dump replace them.
REPLACED = ("people.rolegrant", "auth.group")
SEALED = {"private_key": "private key", "archive": "export archive"}  # part of a column's name, and its word
BATCH = 500


class Exact(DjangoJSONEncoder):
    """Write times with microseconds. Django's encoder drops them, and then the audit chain would not verify."""

    def default(self, o: Any) -> Any:
        return o.isoformat() if isinstance(o, datetime) else super().default(o)


def dumped_models() -> list[type[models.Model]]:
    """Every model in a dump, each after the models that it refers to."""
    kept = [(app, [model for model in app.get_models() if model._meta.label_lower not in LEFT_OUT]) for app in apps.get_app_configs()]
    return list(serializers.sort_dependencies(kept, allow_cycles=True))


@contextmanager
def one_moment() -> Iterator[None]:
    """A transaction in which all reads see one state of the database. It reads only, so that the site can write meanwhile."""
    if connection.vendor == "postgresql":
        with transaction.atomic(durable=True):
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            yield
        return
    connection.ensure_connection()
    sqlite: Any = connection
    before, sqlite.transaction_mode = sqlite.transaction_mode, "DEFERRED"
    try:
        with transaction.atomic(durable=True):
            yield
    finally:
        sqlite.transaction_mode = before


def rows_dump() -> bytes:
    """Every row, as lines of JSON."""
    stream = io.StringIO()
    for model in dumped_models():
        # A key under the root passphrase is in a file of its own, encrypted with the passphrase of the backup.
        left_out = {column.field for column in root_sealed_columns() if column.model is model}
        fields = [field.name for field in (*model._meta.local_fields, *model._meta.local_many_to_many) if field.name not in left_out]
        serializers.serialize(
            "jsonl", model._base_manager.order_by("pk").iterator(BATCH), stream=stream, fields=fields, cls=Exact, ensure_ascii=True,
            use_natural_foreign_keys=True,
        )  # fmt: skip
    return stream.getvalue().encode()


def rows_load(dump: bytes) -> int:
    """Write the rows of `dump` into an empty database, in the caller's transaction. Returns how many. Raises: BackupError."""
    loaded = 0
    for label in REPLACED:
        apps.get_model(label)._base_manager.all().delete()
    try:
        # One model at a time: a row can refer to another one by its natural key, which must exist by then.
        for _, rows in groupby(map(json.loads, io.BytesIO(dump)), key=itemgetter("model")):
            while batch := list(islice(rows, BATCH)):
                _insert(list(serializers.deserialize("python", batch)))
                loaded += len(batch)
        connection.check_constraints()
    except (DeserializationError, IntegrityError, ValueError, KeyError, TypeError) as exc:
        raise BackupError(
            f"The rows of the backup do not fit this version of the console: {exc}. Nothing was loaded. Use the version that made the backup."
        ) from exc
    with connection.cursor() as cursor:
        for statement in connection.ops.sequence_reset_sql(no_style(), dumped_models()):
            cursor.execute(statement)
    return loaded


def _insert(rows: list[DeserializedObject]) -> None:
    type(rows[0].object)._base_manager.bulk_create([row.object for row in rows])
    for row in rows:
        for name, values in (row.m2m_data or {}).items():
            getattr(row.object, name).set(values)


def in_use() -> list[str]:
    """The models that already have rows in this database, apart from those that `migrate` makes."""
    tables = set(connection.introspection.table_names())
    models_of_a_site = [model for model in dumped_models() if model._meta.label_lower not in REPLACED]
    return [model._meta.label for model in models_of_a_site if model._meta.db_table in tables and model._base_manager.exists()]


def rows_of(archive: Archive, label: str) -> int:
    """The number of rows of this model in the backup."""
    begin = f'{{"model": "{label}"'.encode()
    return sum(line.startswith(begin) for line in io.BytesIO(archive.members[DATA]))


def sealed_values(dump: bytes) -> str:
    """Count the encrypted values in the dump, found by reading its lines. "" if there are none."""
    columns: dict[str, list[str]] = {}
    for model, field in encrypted_fields():
        columns.setdefault(model._meta.label_lower, []).append(field.name)
    counts: Counter[str] = Counter()
    for line in dump.splitlines():
        row = json.loads(line)
        held = [name for name in columns.get(row["model"], ()) if row["fields"].get(name)]
        counts.update(next((label for part, label in SEALED.items() if part in name), "password") for name in held)
    return ", ".join(f"{count} encrypted {what}{'s' * (count > 1)}" for what, count in sorted(counts.items()))


def contains(archive: Archive) -> str:
    """Describe the secrets in the backup, found by reading it."""
    return ", ".join(filter(None, [private_keys(archive), sealed_values(archive.members[DATA])])) or "no private key"
