"""Encrypted fields: each value is bound to its table, column and row (S15), and has one of two classes of readers. docs/develop/architecture.md has the format."""

from collections.abc import Iterable, Sequence
from enum import Enum
from typing import Any

from django.apps import apps
from django.core import checks
from django.core.exceptions import FieldError
from django.db import models
from django.db.models.lookups import Exact, IsNull

from pki.core import sealing
from pki.core.errors import UnknownKey
from pki.core.sealing import SealingKey
from sealing.central_key_file import central_keys
from sealing.local_keys import key_ring

CENTRAL_REMEDY = "Copy the file from the machine where the key was made."


class Readers(Enum):
    """The readers of the values of a field. This decides which key encrypts them."""

    NODES = "database key"  # encrypted with the database key, which every node has
    CENTER = "central key"  # encrypted with the central key, which no node gets


class Sealed(bytes):
    """A value as it is stored: encrypted."""


def writing_key(readers: Readers) -> SealingKey:
    """The key that encrypts new values. Raises: ZoneMissing, ZoneBroken, UnknownKey if it is not available on this machine."""
    keys: dict[str, SealingKey] = {**(central_keys() if readers is Readers.CENTER else key_ring().keys)}
    version = (
        apps.get_model("certs", "CentralKey" if readers is Readers.CENTER else "DatabaseKey").objects.only("version", "key_id").writing()
    )
    if version is None:  # during `init`, or just after a central key was made: there is only one
        return next(iter(keys.values()))
    if version.key_id in keys:
        return keys[version.key_id]
    if readers is Readers.CENTER:
        raise UnknownKey(f"New values are encrypted with {version}, which is not in this machine's central key file. {CENTRAL_REMEDY}")
    raise UnknownKey(
        f"New values are encrypted with {version}, which this machine's service certificates do not open. Redistribute this machine."
    )


def _opening_keys(readers: Readers, key_id: str) -> Iterable[SealingKey]:
    """The keys that can open a value with this `key_id`. Database keys open values of the central node only until all are encrypted with the central key."""
    if readers is Readers.NODES:
        return key_ring().keys.values()
    keys = central_keys()
    if key_id in keys:
        return (keys[key_id],)
    if apps.get_model("certs", "CentralKey").objects.ever_finished():
        return ()
    return key_ring().keys.values()


class Secret:
    """An encrypted value and its place. `open` decrypts it. Its representation never shows the plaintext."""

    def __init__(self, sealed: Sealed, place: tuple[str, str, str], readers: Readers) -> None:
        self.sealed, self.place, self.readers = sealed, place, readers

    def __repr__(self) -> str:
        return f"<Secret {'.'.join(self.place)}>"

    @property
    def key_id(self) -> str:
        """The id of the key that encrypts it, in hex."""
        return sealing.key_id_of(self.sealed).hex()

    def open(self) -> bytes:
        """The plaintext. Raises: UnknownKey, Altered, ZoneMissing, ZoneBroken."""
        return sealing.unseal(_opening_keys(self.readers, self.key_id), self.sealed, bound_to=sealing.bound_to(*self.place))

    def text(self) -> str:
        return self.open().decode()

    def sealed_anew(self, key: SealingKey) -> Sealed:
        """The same value, encrypted with `key`. Raises: as `open`."""
        return Sealed(sealing.seal(key, self.open(), bound_to=sealing.bound_to(*self.place)))


class _Plaintext(bytes):
    """An assigned plaintext that is not encrypted yet, because the row may not have its primary key yet."""

    def __repr__(self) -> str:
        return "<plaintext>"


class _Place:
    """The attribute of a model. An assigned plaintext is encrypted when it is next read or saved. Reading returns a `Secret` or None."""

    def __init__(self, field: "EncryptedField") -> None:
        self.field = field

    def __get__(self, row: models.Model | None, owner: type[models.Model]) -> Any:
        if row is None:
            return self
        if self.field.attname not in row.__dict__:
            row.refresh_from_db(fields=[self.field.attname])  # a deferred column
        sealed = self.field.value_from_object(row)
        return None if sealed is None else Secret(sealed, self.field.place(row), self.field.sealed_for)

    def __set__(self, row: models.Model, value: Any) -> None:
        row.__dict__[self.field.attname] = self.field.taken(row, value)


class EncryptedField(models.BinaryField):  # type: ignore[type-arg]
    """Bytes or text, encrypted with the key of its readers (AES-256-GCM) and bound to table, column and row.

    An assigned plaintext is encrypted when it is read or saved. The row must have its primary key by then; a UUID it always has. Search and order are not possible.
    """

    description = "encrypted value"

    def __init__(self, *args: Any, sealed_for: Readers = Readers.CENTER, **kwargs: Any) -> None:
        self.sealed_for = sealed_for  # not in migrations, because it does not change the table
        super().__init__(*args, **kwargs)

    def contribute_to_class(self, cls: type[models.Model], name: str, private_only: bool = False) -> None:
        super().contribute_to_class(cls, name, private_only)
        setattr(cls, self.attname, _Place(self))

    def place(self, row: models.Model) -> tuple[str, str, str]:
        """Table, column and row id, to which the value is bound."""
        return row._meta.db_table, str(self.column), str(row.pk)

    def taken(self, row: models.Model, value: Any) -> Sealed | _Plaintext | None:
        """The attribute's value after `value` is assigned to `row`. Raises: TypeError for a secret of another place."""
        if value is None or isinstance(value, Sealed):
            return value
        if isinstance(value, Secret):
            if value.place == self.place(row):
                return value.sealed
            raise TypeError(f"{value} is bound to its own place. Open it and assign the plaintext.")
        return _Plaintext(value.encode() if isinstance(value, str) else value)

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Sealed | None:
        return None if value is None else Sealed(value)

    def to_python(self, value: Any) -> Sealed | None:
        """From a dump: base64 of the encrypted value."""
        plain = super().to_python(value)
        return None if plain is None else Sealed(plain)

    def value_from_object(self, obj: models.Model) -> Sealed | None:
        """The encrypted value for its place, before it is saved. Raises: TypeError, ZoneMissing, ZoneBroken, UnknownKey."""
        self.seal([obj])
        sealed: Sealed | None = obj.__dict__[self.attname]
        return sealed

    def seal(self, rows: Iterable[models.Model]) -> None:
        """Encrypt what was assigned to these rows. Raises: as `value_from_object`."""
        plain = [row for row in rows if isinstance(row.__dict__[self.attname], _Plaintext)]
        if any(row.pk is None for row in plain):
            raise TypeError(f"{self} is bound to its row, which has no primary key yet.")
        key = writing_key(self.sealed_for) if plain else None
        for row in plain:
            assert key is not None
            row.__dict__[self.attname] = Sealed(
                sealing.seal(key, bytes(row.__dict__[self.attname]), bound_to=sealing.bound_to(*self.place(row)))
            )

    def pre_save(self, model_instance: models.Model, add: bool) -> Sealed | None:
        return self.value_from_object(model_instance)

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:
        if value is not None and not isinstance(value, Sealed):
            raise TypeError(f"{self} does not take plaintext in a query. Assign it to the row and save the row.")
        return super().get_db_prep_value(value, connection, prepared)

    def get_lookup(self, lookup_name: str) -> Any:
        """Queries can ask only whether it is set, and whether it is still the ciphertext that was read."""
        found = {"isnull": IsNull, "exact": Exact}.get(lookup_name)
        if found is None:
            raise FieldError(f"{self} is encrypted: it cannot be searched with {lookup_name!r}.")
        return found

    def check(self, **kwargs: Any) -> list[checks.CheckMessage]:
        meta = self.model._meta
        used = [name.lstrip("-") for name in meta.ordering or () if isinstance(name, str)]
        used += [name for index in meta.indexes for name, _ in index.fields_orders]
        used += [name for constraint in meta.constraints for name in getattr(constraint, "fields", ())]
        used += [name for together in meta.unique_together for name in together]
        wrong = self.primary_key or self.unique or getattr(self, "db_index", False) or self.name in used
        hint = "Order by, index and constrain other columns. All encrypted values differ, even for equal plaintexts."
        refused: Sequence[checks.CheckMessage] = [
            checks.Error(f"{self} is encrypted and cannot be ordered by, indexed or unique.", hint, self, "certs.E001")
        ]
        return [*super().check(**kwargs), *(refused if wrong else [])]


def seal_each(rows: Sequence[models.Model], name: str) -> None:
    """Encrypt the field `name` of new rows with one look-up of the key, in the transaction that saves them. Raises: as `EncryptedField.value_from_object`."""
    field = rows[0]._meta.get_field(name)
    assert isinstance(field, EncryptedField)
    field.seal(rows)


def encrypted_fields(*readers: Readers) -> list[tuple[type[models.Model], EncryptedField]]:
    """Every encrypted field for these readers, or for all, with its model."""
    fields = [(model, field) for model in apps.get_models() for field in model._meta.get_fields() if isinstance(field, EncryptedField)]
    return [(model, field) for model, field in fields if field.sealed_for in (readers or Readers)]
