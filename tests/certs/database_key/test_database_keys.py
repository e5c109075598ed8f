"""Versions of the database key: every pair of states, and re-encryption that loses nothing."""

import dataclasses
import itertools
import uuid
from datetime import UTC, datetime, timedelta

import pytest
from django.conf import settings

from agent.store import Store
from audit.actors import SYSTEM
from certs.database_key.services import database_key_transition, reencrypt
from certs.errors import IllegalTransition, StaleDatabaseKey
from certs.keys.pool import key_take
from certs.models import DatabaseKey, PooledKey
from certs.states import KEY_TRANSITIONS, DatabaseKeyStatus
from nodes.models import Connection
from pki.core import keys
from pki.core.keys import KeyType
from pki.core.roles import Kind
from qmc.checks import database_key_can_be_read
from sealing import walk as sealing_walk
from sealing.errors import ZoneBroken
from sealing.fields import Readers, Sealed, Secret
from sealing.walk import sealed_counts
from tests import factories

NOW = datetime(2026, 11, 24, tzinfo=UTC)
LATER = datetime.now(UTC) + timedelta(hours=1)


@pytest.mark.django_db
@pytest.mark.parametrize(("old", "new"), list(itertools.product(DatabaseKeyStatus, DatabaseKeyStatus)))
def test_database_key_table(old: DatabaseKeyStatus, new: DatabaseKeyStatus) -> None:
    version = DatabaseKey.objects.create(version=7, status=old, key_id="00" * 8, algorithm="AES-256-GCM", created_at=NOW, status_since=NOW)
    if new in KEY_TRANSITIONS[old]:
        event = database_key_transition(version=version, to=new, reason="", actor=SYSTEM, now=NOW)
        assert (version.status, event.detail["to"]) == (new, new)
        version.status = old
        with pytest.raises(StaleDatabaseKey):
            database_key_transition(version=version, to=new, reason="", actor=SYSTEM, now=NOW)
    else:
        with pytest.raises(IllegalTransition):
            database_key_transition(version=version, to=new, reason="", actor=SYSTEM, now=NOW)


def connection(password: bytes) -> Connection:
    name = str(uuid.uuid4())
    return factories.connection(name, at=NOW, password=password)


@pytest.fixture
def rows(versions) -> dict[uuid.UUID, bytes]:
    """250 values with version 1, one of them damaged, and one with version 2."""
    DatabaseKey.objects.filter(version=2).update(status=DatabaseKeyStatus.DELIVERED)
    DatabaseKey.objects.filter(version=1).update(status=DatabaseKeyStatus.WRITING)
    content = {connection(b"%d" % number).pk: b"%d" % number for number in range(250)}
    DatabaseKey.objects.filter(version=1).update(status=DatabaseKeyStatus.READING)
    DatabaseKey.objects.filter(version=2).update(status=DatabaseKeyStatus.WRITING)
    content[connection(b"new").pk] = b"new"
    return content


def break_one(rows: dict[uuid.UUID, bytes]) -> uuid.UUID:
    """Give one row the value of another."""
    pk, other = list(rows)[100], list(rows)[101]
    Connection.objects.filter(pk=pk).update(password=Connection.objects.get(pk=other).password.sealed)
    rows.pop(pk)
    return pk


def test_every_row_is_re_encrypted_once_and_a_damaged_one_hides_no_other(versions, rows) -> None:
    broken = break_one(rows)
    version = DatabaseKey.objects.get(version=2)
    walked = reencrypt(version=version, until=LATER)
    assert (walked.complete, walked.moved) == (True, 249)
    assert [str(broken) in line for line in walked.unreadable] == [True]
    assert {pk: Connection.objects.get(pk=pk).password.open() for pk in rows} == rows
    assert sealed_counts(Readers.NODES) == {versions[1].key_id.hex(): 1, version.key_id: 250}
    assert reencrypt(version=version, until=LATER).moved == 0


def test_an_interrupted_walk_continues_where_it_stopped(versions, rows) -> None:
    version, moved = DatabaseKey.objects.get(version=2), []
    while True:
        walked = reencrypt(version=version, until=NOW)  # one batch at a time
        moved.append(walked.moved)
        if walked.complete:
            break
    assert moved == [100, 100, 50, 0]
    assert {pk: Connection.objects.get(pk=pk).password.open() for pk in rows} == rows


def test_a_concurrent_change_is_kept(versions, rows, monkeypatch) -> None:
    """A row that changes between reading and writing keeps the new value."""
    pk = list(rows)[5]
    move = sealing_walk._move

    def late(batch, *rest) -> None:
        changed = Connection.objects.get(pk=pk)
        changed.password = b"newer"
        changed.save()
        move(batch, *rest)

    monkeypatch.setattr(sealing_walk, "_move", late)
    assert reencrypt(version=DatabaseKey.objects.get(version=2), until=LATER).moved == 249
    assert Connection.objects.get(pk=pk).password.open() == b"newer"


def test_a_batch_that_fails_half_way_changes_nothing(versions, rows, monkeypatch) -> None:
    count, sealed_anew = itertools.count(), Secret.sealed_anew

    def dies(secret, key) -> Sealed:
        if next(count) == 50:
            raise MemoryError
        return sealed_anew(secret, key)

    monkeypatch.setattr(Secret, "sealed_anew", dies)
    with pytest.raises(MemoryError):
        reencrypt(version=DatabaseKey.objects.get(version=2), until=LATER)
    assert sealed_counts(Readers.NODES) == {versions[1].key_id.hex(): 250, versions[2].key_id.hex(): 1}


def test_check_says_when_a_key_cannot_be_read(versions) -> None:
    assert database_key_can_be_read() == []
    (settings.NODE_STORE / "service-pairs" / versions[2].key_id.hex() / "service.pem").write_bytes(b"cut short")
    assert next(message.msg for message in database_key_can_be_read()).startswith("database key version 2")
    (settings.NODE_STORE / "current/machine/personal/service.pem").write_bytes(b"gone")
    (settings.NODE_STORE / "service-pairs" / versions[1].key_id.hex() / "service.pem").unlink()
    (found,) = database_key_can_be_read()
    assert (found.id, "backup" in found.hint) == ("qmc.E003", True)


def test_a_value_that_only_this_machine_cannot_open_does_not_count_as_damaged(versions, rows) -> None:
    """Otherwise the old key would be retired while it still encrypts values."""
    for path in (
        settings.NODE_STORE / "current/machine/personal/service.pem",
        *(settings.NODE_STORE / "service-pairs").glob("*/service.pem"),
    ):
        if versions[2].key_id.hex() not in str(path):
            path.write_bytes(b"cut short")
    (settings.NODE_STORE / "service-pairs").touch()  # the store is read again, as in a process that has just started
    with pytest.raises(ZoneBroken, match="is damaged"):
        reencrypt(version=DatabaseKey.objects.get(version=2), until=LATER)
    assert sealed_counts(Readers.NODES) == {versions[1].key_id.hex(): 250, versions[2].key_id.hex(): 1}


def test_a_pooled_key_that_does_not_open_delays_no_work(versions) -> None:
    good = keys.to_pem(keys.generate(KeyType.EC_P256))
    broken = PooledKey.objects.create(key_type="RSA-3072", created_at=NOW, sealed_private_key=b"x")
    PooledKey.objects.filter(pk=broken.pk).update(sealed_private_key=Sealed(b"altered" * 10))
    PooledKey.objects.create(key_type="RSA-3072", created_at=LATER, sealed_private_key=good)
    assert keys.to_pem(key_take(KeyType.RSA_3072, in_a_hurry=True)) == good
    assert not PooledKey.objects.exists()


def test_a_retired_key_is_removed_from_the_disk_and_the_current_pair_stays(versions, package, authority, tmp_path) -> None:
    store, old, new = Store(tmp_path / "rim"), versions[1].key_id.hex(), versions[2].key_id.hex()
    store.install(package, now=authority.now)
    newer = dataclasses.replace(authority, database_key=versions[2]).pair(Kind.SERVICE)
    content = dataclasses.replace(package, generation=2, service=newer, further_service_pairs=(package.service,))
    store.install(content, now=authority.now)
    assert set(store.key_ring().keys) == {old, new}
    store.forget_service_pairs([old])
    assert set(store.key_ring().keys) == {new}
    assert [path.name for path in (store.home / "generations").iterdir()] == ["2"]
    store.forget_service_pairs([new])  # a mistake: what is in use stays
    assert set(store.key_ring().keys) == {new}
