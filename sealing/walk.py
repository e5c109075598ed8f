"""Walk through encrypted fields: count the values of each key, and re-encrypt with one key the values of all others."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

from django.db import models, transaction
from django.db.models import Count, F, QuerySet
from django.db.models.functions import Substr
from django.utils import timezone

from pki.core.errors import SealError
from pki.core.sealing import KEY_ID_BYTES, SealingKey
from sealing.fields import EncryptedField, Readers, encrypted_fields

BATCH = 100


def _sealed_values(model: type[models.Model], column: EncryptedField) -> "QuerySet[models.Model]":
    """Rows whose `column` is set, each with the id of the key of its value."""
    prefix = Substr(F(column.attname), 1, KEY_ID_BYTES, output_field=models.BinaryField())
    found: QuerySet[models.Model] = model._base_manager.filter(**{f"{column.attname}__isnull": False}).annotate(sealed_with=prefix)
    return found


def sealed_counts(readers: Readers) -> dict[str, int]:
    """The number of values for `readers`, by key id. One query."""
    counts: dict[str, int] = {}
    first, *others = [
        _sealed_values(model, column).order_by().values("sealed_with").annotate(number=Count("pk"))
        for model, column in encrypted_fields(readers)
    ]
    for row in first.union(*others, all=True):
        key_id = bytes(row["sealed_with"]).hex()
        counts[key_id] = counts.get(key_id, 0) + row["number"]
    return counts


@dataclass
class Pass:
    """The result of a walk. `complete`: it reached the end. `unreadable` lists the values that do not open, and why."""

    complete: bool = False
    moved: int = 0
    unreadable: list[str] = field(default_factory=list)


def walk(*, readers: Readers, key: Callable[[], SealingKey], until: datetime) -> Pass:
    """Re-encrypt with `key()` all values of other keys, until the end or `until`. `key` is called before each batch, and raises to stop the walk.

    Each batch is one transaction, and a row changes only if it still has the ciphertext that was read. So a terminated worker, a second
    worker or a concurrent change loses no value, and no value is encrypted twice.
    """
    walked = Pass()
    for model, column in encrypted_fields(readers):
        for rows in _batches(model, column, key()):
            _move(rows, column, key, walked)
            if timezone.now() >= until:
                return walked
    walked.complete = True
    return walked


def _batches(model: type[models.Model], column: EncryptedField, key: SealingKey) -> Iterator[list[models.Model]]:
    others = _sealed_values(model, column).exclude(sealed_with=key.key_id).only("pk", column.attname).order_by("pk")
    rows = list(others[:BATCH])
    while rows:
        yield rows
        rows = list(others.filter(pk__gt=rows[-1].pk)[:BATCH])


@transaction.atomic
def _move(rows: list[models.Model], column: EncryptedField, key: Callable[[], SealingKey], walked: Pass) -> None:
    newer = key()
    for row in rows:
        secret = getattr(row, column.attname)
        try:
            anew = secret.sealed_anew(newer)
        except SealError as exc:
            walked.unreadable.append(f"{column.verbose_name} of {row._meta.verbose_name} {row.pk}: {exc}")
            continue
        unchanged = type(row)._base_manager.filter(pk=row.pk, **{column.attname: secret.sealed})
        walked.moved += unchanged.update(**{column.attname: anew})
