"""One certificate for each intent, whatever fails between its record and its signature."""

import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from audit.actors import SYSTEM
from audit.models import Event
from certs.certificates import services
from certs.certificates.issuer import issuer_current
from certs.certificates.services import Draft, Intent, certificate_for, certificate_withdraw, certificates_for, certificates_sweep
from certs.errors import StaleCertificate
from certs.models import Certificate
from pki.core import keys
from pki.core.roles import CLIENT_NAME, Kind
from pki.issuing import issue
from tests.whole_log import verify

NOW = timezone.now()
AFTER_LEASE = NOW + timedelta(minutes=3)


class KilledError(BaseException):
    """As kill -9: nothing after it is run."""


@pytest.fixture
def intent(site_directory: Path) -> Intent:
    return Intent(Kind.CLIENT, uuid.uuid4(), "rim1.example", 1)


def draft(**changes: Any) -> Draft:
    private_key = keys.generate(keys.KeyType.EC_P256)
    return Draft(issue.Request(Kind.CLIENT, CLIENT_NAME, (), private_key.public_key(), 12), private_key, issuer_current(), **changes)


def make(intent: Intent, now: datetime = NOW, make_draft: Callable[[], Draft] = draft, **more: Any) -> Certificate:
    return certificate_for(intent=intent, draft=make_draft, actor=SYSTEM, now=now, **more)


def statuses(intent: Intent) -> list[str]:
    return sorted(intent.rows().values_list("status", flat=True))


def killed(*_: Any, **__: Any) -> Any:
    raise KilledError


def test_an_issued_certificate_is_found_again_with_its_private_key(intent: Intent) -> None:
    first = make(intent)
    assert make(intent, make_draft=killed) == first
    assert keys.from_pem(first.pair().private_key, own=True).public_key() == first.x509().public_key()


@pytest.mark.parametrize("step", ["issue.sign", "_put_into_force"])
def test_a_killed_worker_blocks_the_intent_until_its_lease_expires(intent: Intent, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(f"{services.__name__}.{step}", killed)
        with pytest.raises(KilledError):
            make(intent)
    assert statuses(intent) == ["issuing"]
    with pytest.raises(StaleCertificate):
        make(intent, make_draft=killed)
    (abandoned,) = intent.rows()
    assert make(intent, AFTER_LEASE).serial != abandoned.serial
    assert statuses(intent) == ["failed", "issued"]
    abandoned.refresh_from_db()
    assert (abandoned.reason, abandoned.sealed_private_key) == ("its worker ended before it signed", None)


def test_the_sweep_fails_only_certificates_without_a_lease(intent: Intent, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(issue, "sign", killed)
    with pytest.raises(KilledError):
        make(intent)
    for now, expected in ((NOW, ["issuing"]), (AFTER_LEASE, ["failed"])):
        certificates_sweep(Certificate.objects.all(), now=now)
        assert statuses(intent) == expected


def test_a_canceled_certificate_is_neither_recorded_nor_signed(intent: Intent) -> None:
    with pytest.raises(KilledError):
        make(intent, raise_if_canceled=killed)
    assert statuses(intent) == []


def test_the_second_of_two_workers_waits_for_the_first(intent: Intent) -> None:
    def slow_draft() -> Draft:
        make(intent)  # the other worker is faster
        return draft()

    with pytest.raises(StaleCertificate, match="another worker makes the client certificate"):
        make(intent, make_draft=slow_draft)
    assert statuses(intent) == ["issued"]


def test_a_certificate_that_is_withdrawn_while_it_is_signed_is_never_issued(intent: Intent, monkeypatch: pytest.MonkeyPatch) -> None:
    signed = issue.sign

    def withdrawn(*arguments: Any) -> bytes:
        certificate_withdraw(certificate=intent.rows().get(), reason="decommissioned", actor=SYSTEM, now=NOW)
        return signed(*arguments)

    monkeypatch.setattr(issue, "sign", withdrawn)
    with pytest.raises(StaleCertificate):
        make(intent)
    assert statuses(intent) == ["failed"]


def test_what_the_caller_adds_is_committed_with_the_certificate_or_not_at_all(intent: Intent) -> None:
    with pytest.raises(KilledError):
        make(intent, once_issued=killed)
    assert statuses(intent) == ["issuing"]


@pytest.mark.parametrize("version", [0, 2])
def test_an_intent_without_a_version_finds_a_certificate_with_any_database_key(intent: Intent, version: int) -> None:
    first = make(intent, make_draft=lambda: draft(database_key_version=version))
    assert make(intent, make_draft=killed) == first


def test_a_private_key_that_was_used_belongs_to_another_worker(intent: Intent) -> None:
    certificate = make(intent)
    intent.rows().update(sealed_private_key=None)
    certificate.refresh_from_db()
    with pytest.raises(StaleCertificate):
        certificate.pair()


class TestAnOrder:
    """Several certificates that are recorded, signed and put into force together."""

    @pytest.fixture
    def order(self, intent: Intent) -> list[Intent]:
        return [intent, replace(intent, generation=2), replace(intent, generation=3)]

    def make(self, order: list[Intent], **changes: Any) -> list[Certificate]:
        return certificates_for(drafts=dict.fromkeys(order, draft) | changes.pop("drafts", {}), actor=SYSTEM, now=NOW, **changes)

    def test_its_certificates_are_in_its_order_and_each_has_its_events(self, order: list[Intent]) -> None:
        rows = self.make(order)
        assert [row.generation for row in rows] == [1, 2, 3]
        assert len({row.serial for row in rows}) == 3
        for row in rows:
            assert keys.from_pem(row.pair().private_key, own=True).public_key() == row.x509().public_key()
            row.refresh_from_db()
            events = [event.detail | {"action": event.action} for event in Event.objects.for_target(row.pk).order_by("sequence")]
            moved = {
                "from": "issuing",
                "to": "issued",
                "reason": "",
                "serial": row.serial,
                "sha256": row.sha256,
                "action": "certificate.transition",
            }
            recorded = {"holder": "rim1.example", "generation": row.generation, "serial": row.serial, "action": "certificate.recorded"}
            assert events == [recorded, moved]
        assert verify() == Event.objects.count()

    def test_only_its_missing_certificates_are_made(self, order: list[Intent]) -> None:
        second = make(order[1])
        assert self.make(order, drafts={order[1]: killed})[1] == second
        assert self.make(order, drafts=dict.fromkeys(order, killed))[1] == second
        assert [statuses(intent) for intent in order] == [["issued"]] * 3

    def test_all_its_rows_are_recorded_before_the_first_is_signed(self, order: list[Intent], monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(issue, "sign", killed)
        with pytest.raises(KilledError):
            self.make(order)
        assert [statuses(intent) for intent in order] == [["issuing"]] * 3
        with pytest.raises(StaleCertificate):
            self.make(order, drafts=dict.fromkeys(order, killed))

    @pytest.mark.parametrize("number", [0, 2])
    def test_nothing_is_recorded_if_another_worker_makes_one_of_them(self, order: list[Intent], number: int) -> None:
        def slow_draft() -> Draft:
            make(order[number])
            return draft()

        with pytest.raises(StaleCertificate, match="another worker makes certificates of"):
            self.make(order, drafts={order[number]: slow_draft})
        assert [len(statuses(intent)) for intent in order] == [int(place == number) for place in range(3)]

    def test_none_is_issued_if_one_is_withdrawn_while_it_is_signed(self, order: list[Intent], monkeypatch: pytest.MonkeyPatch) -> None:
        signed = issue.sign

        def withdrawn(*arguments: Any) -> bytes:
            certificate_withdraw(certificate=order[1].rows().get(), reason="decommissioned", actor=SYSTEM, now=NOW)
            return signed(*arguments)

        monkeypatch.setattr(issue, "sign", withdrawn)
        with pytest.raises(StaleCertificate):
            self.make(order)
        assert [statuses(intent) for intent in order] == [["issuing"], ["failed"], ["issuing"]]
