"""Indexes for lists of many rows."""

import logging
from typing import Any

from django.db import DatabaseError, models, transaction
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

log = logging.getLogger(__name__)


class ListIndex(models.Index):
    """An index in the order of a list. On SQLite it also has the columns that the list searches, so that SQLite reads the index instead of the rows.

    PostgreSQL limits the length of a row of an index, and searches with trigrams.
    """

    def __init__(self, *, searched: list[str], **options: Any) -> None:
        super().__init__(**options)
        self.searched = searched

    def deconstruct(self) -> Any:
        path, args, kwargs = super().deconstruct()
        return path, args, kwargs | {"searched": self.searched}

    def create_sql(self, model: type[models.Model], schema_editor: BaseDatabaseSchemaEditor, using: str = "", **kwargs: Any) -> Any:
        if schema_editor.connection.vendor != "sqlite":
            return super().create_sql(model, schema_editor, using, **kwargs)
        wide = models.Index(fields=[*self.fields, *self.searched], name=self.name)
        return wide.create_sql(model, schema_editor, using, **kwargs)


def trigrams(table: str, columns: list[str]) -> dict[str, str]:
    """The statements that add these indexes on PostgreSQL, by the name of the index."""
    names = {f"{table}_{column}_part": column for column in columns}
    return {
        name: f'CREATE INDEX IF NOT EXISTS "{name}" ON "{table}" USING gin (UPPER("{column}"::text) gin_trgm_ops)'
        for name, column in names.items()
    }


def trigrams_add(schema_editor: BaseDatabaseSchemaEditor, table: str, columns: list[str]) -> None:
    """On PostgreSQL, add indexes that find a part of a text in any case. Without the extension pg_trgm, searches read all rows."""
    if schema_editor.connection.vendor != "postgresql":
        return
    try:
        with transaction.atomic(using=schema_editor.connection.alias):
            schema_editor.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
    except DatabaseError as exc:
        log.warning("the searches of %s are slow, because the extension pg_trgm cannot be added: %s", table, exc)
        return
    for statement in trigrams(table, columns).values():
        schema_editor.execute(statement)
