"""The encrypted field: opens in its place alone, shows nothing, and cannot be searched."""

import gc
import uuid
from datetime import UTC, datetime

import django_filters
import django_tables2
import pytest
from django.core.exceptions import FieldError
from django.db import models, transaction
from django.test.utils import isolate_apps
from hypothesis import given, settings
from hypothesis import strategies as st

from certs.fields import EncryptedField, Sealed
from certs.models import DatabaseKey, PooledKey
from pki import sealing
from pki.errors import Altered, UnknownKey
from qmc.checks import nothing_searches_encrypted_fields

NOW = datetime(2026, 11, 24, tzinfo=UTC)


def row(value: object, pk: uuid.UUID | None = None) -> PooledKey:
    return PooledKey(pk=pk or uuid.uuid4(), key_type="RSA-3072", created_at=NOW, sealed_private_key=value)


@settings(deadline=None)  # a busy machine is no error
@given(plaintext=st.binary(max_size=300), position=st.integers(0, 400), change=st.integers(1, 255), cut=st.integers(1, 400))
def test_opens_whole_and_in_its_own_row_alone(old_alone, plaintext: bytes, position: int, change: int, cut: int) -> None:
    mine = row(plaintext)
    sealed = mine.sealed_private_key.sealed
    assert mine.sealed_private_key.open() == plaintext
    place = sealing.bound_to("certs_pooledkey", "sealed_private_key", str(mine.pk))
    assert sealing.unseal([old_alone], sealed, bound_to=place) == plaintext  # the pinned byte string
    assert sealed != row(plaintext, mine.pk).sealed_private_key.sealed  # a fresh nonce each time
    with pytest.raises(Altered, match="another row"):
        row(sealed).sealed_private_key.open()
    altered = bytearray(sealed)
    altered[position % len(sealed)] ^= change
    for wrong in (bytes(altered), sealed[: -(cut % len(sealed)) or None][: len(sealed) - 1]):
        with pytest.raises((Altered, UnknownKey)):
            row(Sealed(wrong), mine.pk).sealed_private_key.open()


@settings(deadline=None)  # a busy machine is no error
@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=50))
def test_text_comes_back_as_text(old_alone, text: str) -> None:
    assert row(text).sealed_private_key.text() == text


def test_shows_nothing(old_alone) -> None:
    mine = row(b"very secret")
    assert "very secret" not in f"{mine!r} {mine.sealed_private_key!r} {mine.sealed_private_key} {vars(mine)}"
    assert mine.sealed_private_key.key_id == old_alone.key_id.hex()
    assert row(None).sealed_private_key is None


def test_a_secret_is_not_copied_to_another_row(old_alone) -> None:
    with pytest.raises(TypeError, match="its own place"):
        row(row(b"x").sealed_private_key)


@pytest.mark.django_db
def test_nothing_is_sealed_with_a_key_that_does_not_write(old_alone) -> None:
    """This machine's store was put back, and the site has rotated since."""
    DatabaseKey.objects.update(key_id="ab" * 8)
    with pytest.raises(UnknownKey, match="Redistribute this machine"):
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
    assert "certs.E001" in [each.id for each in model.check()]


@isolate_apps("certs")
@pytest.mark.parametrize("options", [{}, {"unique": True}, {"db_index": True}], ids=str)
def test_unique_is_refused_at_start_up(options: dict) -> None:
    meta = type("Meta", (), {"app_label": "certs"})
    model = type("Wrong", (models.Model,), {"secret": EncryptedField(**options), "Meta": meta, "__module__": __name__})
    assert ("certs.E001" in [each.id for each in model.check()]) == bool(options)


def test_filters_and_columns_are_refused_at_start_up() -> None:
    assert nothing_searches_encrypted_fields() == []

    class WrongFilter(django_filters.FilterSet):
        secret = django_filters.CharFilter(field_name="sealed_private_key")

        class Meta:
            model = PooledKey
            fields: list[str] = []

    class WrongTable(django_tables2.Table):
        class Meta:
            model = PooledKey
            fields = ("sealed_private_key",)

    assert sorted(each.id for each in nothing_searches_encrypted_fields()) == ["qmc.E001", "qmc.E002"]
    del WrongFilter, WrongTable
    gc.collect()
    assert nothing_searches_encrypted_fields() == []
