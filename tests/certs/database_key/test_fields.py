"""The encrypted field: a value opens only in its own place, never shows its plaintext, and cannot be searched."""

import gc
import uuid
from datetime import UTC, datetime

import django_filters
import pytest
from django.core.exceptions import FieldError
from django.db import models, transaction
from django.test.utils import isolate_apps
from hypothesis import given
from hypothesis import strategies as st

from attention.expiring import ExpiringTable
from certs.models import CentralKey, DatabaseKey, PooledKey
from nodes.models import Connection
from pki.core import sealing
from pki.core.errors import Altered, UnknownKey
from qmc.checks import nothing_searches_encrypted_fields
from sealing.fields import EncryptedField, Readers, Sealed, encrypted_fields
from web.lists.declared import Column, List
from web.lists.filters import Named, Search

NOW = datetime(2026, 11, 24, tzinfo=UTC)


SEALED_FOR = {
    "certs.certificate.sealed_private_key": Readers.CENTER,
    "certs.pooledkey.sealed_private_key": Readers.CENTER,
    "certs.export.sealed_password": Readers.CENTER,
    "certs.export.archive": Readers.CENTER,
    "nodes.registration.sealed_password": Readers.CENTER,
    "nodes.connection.password": Readers.NODES,
    "nodes.browsercertificate.private_key": Readers.CENTER,
    "people.identityprovider.client_secret": Readers.CENTER,
    "alerts.channel.secrets": Readers.CENTER,
    "alerts.rules.watchdog_url": Readers.CENTER,
    "people.factorsecret.secret": Readers.CENTER,
    "bulk.bulkitem.sealed_secret": Readers.CENTER,
    "backups.backup.sealed_passphrase": Readers.CENTER,
}


def row(value: object, pk: uuid.UUID | None = None) -> PooledKey:
    return PooledKey(pk=pk or uuid.uuid4(), key_type="RSA-3072", created_at=NOW, sealed_private_key=value)


def connection(value: object) -> Connection:
    return Connection(pk=uuid.uuid4(), name="x", type="odbc", connection_string="x", created_at=NOW, changed_at=NOW, password=value)


def test_every_field_is_listed_here_with_who_reads_it() -> None:
    """A new field must be added here with its readers. Nodes have the database key, so every node can read a field for nodes."""
    assert {f"{model._meta.label_lower}.{field.name}": field.sealed_for for model, field in encrypted_fields()} == SEALED_FOR


def test_values_for_nodes_use_the_database_key_and_all_others_the_central_key(old_alone, central_key) -> None:
    assert connection(b"x").password.key_id == old_alone.key_id.hex()
    assert row(b"x").sealed_private_key.key_id == central_key.key_id.hex()
    assert (connection(b"x").password.open(), row(b"x").sealed_private_key.open()) == (b"x", b"x")


@pytest.mark.django_db
@pytest.mark.parametrize("finished", [False, True], ids=["sealing anew", "finished"])
def test_a_database_key_opens_values_of_the_central_node_only_until_all_are_re_encrypted(old_alone, central_key, finished: bool) -> None:
    """After that, a value that a node could have written is not accepted for the central node."""
    mine = row(b"x")
    place = sealing.bound_to(*mine.sealed_private_key.place)
    mine.sealed_private_key = Sealed(sealing.seal(old_alone, b"from before", bound_to=place))
    CentralKey.objects.create(
        version=1, key_id=central_key.key_id.hex(), created_at=NOW, status_since=NOW, finished_at=NOW if finished else None
    )
    if finished:
        with pytest.raises(UnknownKey, match=old_alone.key_id.hex()):
            mine.sealed_private_key.open()
    else:
        assert mine.sealed_private_key.open() == b"from before"


@pytest.mark.django_db
def test_a_value_for_nodes_never_opens_with_the_central_key(old_alone, central_key) -> None:
    mine = connection(b"x")
    place = sealing.bound_to(*mine.password.place)
    mine.password = Sealed(sealing.seal(central_key, b"x", bound_to=place))
    with pytest.raises(UnknownKey):
        mine.password.open()


@given(plaintext=st.binary(max_size=300), position=st.integers(0, 400), change=st.integers(1, 255), cut=st.integers(1, 400))
def test_a_value_opens_unchanged_and_only_in_its_own_row(
    old_alone, central_key, plaintext: bytes, position: int, change: int, cut: int
) -> None:
    mine = row(plaintext)
    sealed = mine.sealed_private_key.sealed
    assert mine.sealed_private_key.open() == plaintext
    place = sealing.bound_to("certs_pooledkey", "sealed_private_key", str(mine.pk))
    assert sealing.unseal([central_key], sealed, bound_to=place) == plaintext  # the pinned byte string
    assert sealed != row(plaintext, mine.pk).sealed_private_key.sealed  # a fresh nonce each time
    with pytest.raises(Altered, match="another row"):
        row(sealed).sealed_private_key.open()
    altered = bytearray(sealed)
    altered[position % len(sealed)] ^= change
    for wrong in (bytes(altered), sealed[: -(cut % len(sealed)) or None][: len(sealed) - 1]):
        with pytest.raises((Altered, UnknownKey)):
            row(Sealed(wrong), mine.pk).sealed_private_key.open()


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=50))
def test_text_comes_back_as_text(old_alone, text: str) -> None:
    assert row(text).sealed_private_key.text() == text


def test_a_secret_never_shows_its_plaintext(old_alone, central_key) -> None:
    mine = row(b"very secret")
    assert "very secret" not in f"{mine!r} {mine.sealed_private_key!r} {mine.sealed_private_key} {vars(mine)}"
    assert mine.sealed_private_key.key_id == central_key.key_id.hex()
    assert row(None).sealed_private_key is None


def test_a_secret_is_not_copied_to_another_row(old_alone) -> None:
    with pytest.raises(TypeError, match="its own place"):
        row(row(b"x").sealed_private_key)


@pytest.mark.django_db
def test_nothing_is_encrypted_with_a_key_that_is_not_current(old_alone) -> None:
    """This machine's store was restored, and the site has rotated the key since."""
    DatabaseKey.objects.update(key_id="ab" * 8)
    with pytest.raises(UnknownKey, match="Redistribute this machine"):
        connection(b"x").save()


@pytest.mark.django_db
def test_nothing_is_encrypted_with_a_central_key_that_is_not_in_the_file(old_alone) -> None:
    """Another machine has rotated the key, and this one has the previous file."""
    CentralKey.objects.create(version=1, key_id="ab" * 8, created_at=NOW, status_since=NOW)
    with pytest.raises(UnknownKey, match="Copy the file"):
        row(b"x").save()


def test_an_unknown_key_is_named(old_alone) -> None:
    sealed = Sealed(b"otherkey" + row(b"x").sealed_private_key.sealed[8:])
    with pytest.raises(UnknownKey, match=b"otherkey".hex()):
        row(sealed).sealed_private_key.open()


@pytest.mark.django_db
@pytest.mark.parametrize("lookup", ["contains", "startswith", "gt", "in", "regex"])
def test_cannot_be_searched(old_alone, lookup: str) -> None:
    with pytest.raises(FieldError, match="encrypted"):
        PooledKey.objects.filter(**{f"sealed_private_key__{lookup}": b"x"})


@pytest.mark.django_db
def test_no_plaintext_in_a_query(old_alone) -> None:
    mine = row(b"x")
    mine.save()
    with pytest.raises(TypeError, match="plaintext"), transaction.atomic():
        PooledKey.objects.filter(sealed_private_key=b"x").exists()
    with pytest.raises(TypeError, match="plaintext"), transaction.atomic():
        PooledKey.objects.update(sealed_private_key=b"x")
    assert PooledKey.objects.get(sealed_private_key=mine.sealed_private_key.sealed).sealed_private_key.open() == b"x"
    assert PooledKey.objects.only("pk").get().sealed_private_key.open() == b"x"  # deferred


WRONG = {
    "ordering": {"ordering": ["-secret"]},
    "index": {"indexes": [models.Index(fields=["secret"], name="i")]},
    "constraint": {"constraints": [models.UniqueConstraint(fields=["secret"], name="c")]},
}


@pytest.mark.parametrize("options", WRONG.values(), ids=WRONG)
@isolate_apps("certs")
def test_ordering_and_indexes_are_refused_at_start_up(options: dict) -> None:
    meta = type("Meta", (), options | {"app_label": "certs"})
    model = type("Wrong", (models.Model,), {"secret": EncryptedField(), "Meta": meta, "__module__": __name__})
    assert "certs.E001" in [message.id for message in model.check()]


@isolate_apps("certs")
@pytest.mark.parametrize("options", [{}, {"unique": True}, {"db_index": True}], ids=str)
def test_unique_is_refused_at_start_up(options: dict) -> None:
    meta = type("Meta", (), {"app_label": "certs"})
    model = type("Wrong", (models.Model,), {"secret": EncryptedField(**options), "Meta": meta, "__module__": __name__})
    assert ("certs.E001" in [message.id for message in model.check()]) == bool(options)


WRONG: dict[str, django_filters.Filter] = {
    "filter": django_filters.CharFilter(field_name="sealed_private_key"),
    "search": Search("sealed_private_key"),
    "number": Search("id", numbers=["sealed_private_key"]),
    "choice": Named("Key", key="id", name="sealed_private_key", suggest=lambda text: [], name_of=lambda key: None),
}


@pytest.mark.parametrize("kind", WRONG)
def test_filters_are_refused_at_start_up(kind: str) -> None:
    assert nothing_searches_encrypted_fields() == []
    meta = type("Meta", (), {"model": PooledKey, "fields": []})
    wrong = type("WrongFilter", (django_filters.FilterSet,), {"text": WRONG[kind], "Meta": meta})
    assert [(message.id, message.obj) for message in nothing_searches_encrypted_fields()] == [("qmc.E001", wrong)]
    del wrong
    gc.collect()


def test_columns_and_tables_of_the_board_are_refused_at_start_up() -> None:
    class WrongTable(ExpiringTable):
        searched = ("sealed_private_key",)
        by_hand = things = rows = lambda self, *_: PooledKey.objects.all()

    class WrongList(List):
        model = PooledKey
        columns = (Column("key", "Key", sort="sealed_private_key"),)

    assert sorted(message.id for message in nothing_searches_encrypted_fields()) == ["qmc.E001", "qmc.E002"]
    del WrongTable, WrongList
    gc.collect()
    assert nothing_searches_encrypted_fields() == []
