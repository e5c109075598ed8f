"""The root passphrase, and the private keys that are encrypted with it (PKCS #8). Only workers have it, and commands that sign."""

import contextlib
import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from django.conf import settings
from django.db import models
from django.db.models import QuerySet

from pki.core import keys
from pki.core.errors import PKIError
from sealing.errors import ZoneBroken

K = TypeVar("K", bound=keys.OwnKey)
Read = Callable[[bytes, bytes], K]


def passphrase_file() -> Path:
    """The file of the root passphrase, with links resolved. Raises: ZoneBroken in a process that has none."""
    if settings.ROOT_PASSPHRASE_FILE is None:
        raise ZoneBroken("This process does not have the root passphrase: only workers and `init` sign.")
    return Path(settings.ROOT_PASSPHRASE_FILE).resolve()


def previous_file() -> Path:
    """The file of the previous passphrase, while `rotate_root_passphrase` runs."""
    return passphrase_file().with_name(f"{passphrase_file().name}.previous")


def root_passphrase() -> bytes:
    """The passphrase for encrypting keys. Raises: ZoneBroken."""
    path = passphrase_file()
    try:
        return bytes(path.read_bytes().strip())
    except OSError as exc:
        raise ZoneBroken(f"The root passphrase cannot be read: {exc}. Check QMC_ROOT_PASSPHRASE_FILE.") from exc


def root_passphrases() -> tuple[bytes, ...]:
    """The passphrases that can decrypt a key: the current one and, during its rotation, the previous one. Raises: ZoneBroken."""
    current = root_passphrase()
    try:
        return current, previous_file().read_bytes().strip()
    except FileNotFoundError:
        return (current,)
    except OSError as exc:
        raise ZoneBroken(f"The root passphrase cannot be read: {exc}. Give workers the right to read both files.") from exc


@functools.lru_cache(maxsize=4)
def _opened(encrypted: bytes, passphrases: tuple[bytes, ...], read: Read[Any]) -> Any:
    for passphrase in passphrases:
        with contextlib.suppress(PKIError):
            return read(encrypted, passphrase)
    return None


@dataclass(frozen=True)
class RootSealed(Generic[K]):
    """A column of private keys that are encrypted with the root passphrase. `read` reads one: `keys.from_pem`, or its like for another type.

    A new passphrase encrypts all of them again, and a dump of the database leaves them out.
    """

    model: type[models.Model]
    field: str
    read: Read[K]

    def rows(self) -> "QuerySet[models.Model]":
        """The rows that have a key."""
        found: QuerySet[models.Model] = self.model._base_manager.exclude(**{self.field: None})
        return found

    def opened(self, row: models.Model) -> K:
        """The decrypted key of `row`. Raises: ZoneBroken."""
        key: K | None = _opened(bytes(getattr(row, self.field)), root_passphrases(), self.read)
        if key is None:
            raise ZoneBroken(
                f"The private key of {row} does not open with the root passphrase in {passphrase_file()}. If it was rotated on another "
                "machine, copy its file from there. Otherwise restore the file of this site."
            )
        return key

    def replace(self, row: models.Model, key: K, passphrase: bytes) -> None:
        """Encrypt `key` with another passphrase, unless the key of `row` was deleted or replaced since `row` was read."""
        unchanged = self.rows().filter(pk=row.pk, **{self.field: getattr(row, self.field)})
        unchanged.update(**{self.field: keys.to_encrypted_pem(key, passphrase)})


_columns: list[RootSealed[Any]] = []


def root_sealed_register(model: type[models.Model], field: str, read: Read[K]) -> RootSealed[K]:
    """Register a column of private keys that are encrypted with the root passphrase."""
    column = RootSealed(model, field, read)
    _columns.append(column)
    return column


def root_sealed_columns() -> Iterator[RootSealed[Any]]:
    """All registered columns."""
    yield from _columns
