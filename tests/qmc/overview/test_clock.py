"""A jump of the clock in the API."""

from datetime import timedelta
from pathlib import Path

from django.utils import timezone

from jobs.clock import NAME, SHOWN
from jobs.models import PeriodicWork
from tests import factories


def test_a_jump_is_there_until_a_person_confirms_it(db: None, site_directory: Path) -> None:
    client, now = factories.administrator(), timezone.now()
    none = {"noticed_at": None, "seconds": None}
    assert client.get("/api/v1/clock/", secure=True).json() == none
    PeriodicWork.objects.create(name=NAME, lease_until=now + SHOWN - timedelta(minutes=1), last_success=now, last_error="-3600")
    assert client.get("/api/v1/clock/", secure=True).json()["seconds"] == -3600
    assert client.post("/api/v1/clock/confirm/", content_type="application/json", secure=True).json() == none
