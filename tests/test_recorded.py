"""The middleware of tests that finds changes without events finds them."""

import pytest
from django.db import transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.test import RequestFactory
from django.utils import timezone

from audit.actors import SYSTEM
from audit.record import record
from certs.models import TrustZone
from tests.recorded import RecordedMiddleware

pytestmark = pytest.mark.django_db


def zone_make() -> TrustZone:
    return TrustZone.objects.create(name="central.example", created_at=timezone.now())


def changes(request: HttpRequest) -> HttpResponse:
    zone_make()
    return HttpResponse()


def changes_and_records(request: HttpRequest) -> HttpResponse:
    record(actor=SYSTEM, action="zone.founded", target=zone_make(), detail={}, now=timezone.now())
    return HttpResponse()


def changes_nothing(request: HttpRequest) -> HttpResponse:
    TrustZone.objects.update(name="other.example")
    try:
        with transaction.atomic():
            zone_make()
            raise ZeroDivisionError
    except ZeroDivisionError:
        return HttpResponse(status=400)


def test_a_change_without_an_event_is_found() -> None:
    with pytest.raises(AssertionError, match="certs_trustzone"):
        RecordedMiddleware(changes)(RequestFactory().post("/"))


@pytest.mark.parametrize("view", [changes_and_records, changes_nothing])
def test_everything_else_is_not(view: object) -> None:
    RecordedMiddleware(view)(RequestFactory().post("/"))  # type: ignore[arg-type]


SECRETS = [
    ({"password": "a password of a test"}, {}),
    ({}, {"token": "qmc_a_token_of_a_test"}),
    ({}, {"generated_secrets": {"key": "a key of a test"}}),
]


@pytest.mark.parametrize(("sent", "answered"), SECRETS)
def test_a_secret_in_an_event_is_found(sent: dict[str, str], answered: dict[str, object]) -> None:
    (secret,) = [*sent.values(), *answered.values()]
    shown = next(iter(secret.values())) if isinstance(secret, dict) else secret

    def view(request: HttpRequest) -> HttpResponse:
        record(actor=SYSTEM, action="zone.founded", target=zone_make(), detail={"as": f"it is {shown}"}, now=timezone.now())
        return JsonResponse(answered)

    with pytest.raises(AssertionError, match="secret"):
        RecordedMiddleware(view)(RequestFactory().post("/", sent, content_type="application/json"))
