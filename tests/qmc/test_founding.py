"""`init` again, whatever the clock says, and two of it at once."""

from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from agent import files
from certs.errors import ZoneBroken
from jobs.models import PeriodicWork
from qmc.services.founding import zone_found


@pytest.mark.parametrize("back", [timedelta(seconds=1), timedelta(minutes=2), timedelta(days=400)], ids=str)
def test_init_goes_on_after_the_clock_was_set_back(founded: Path, back: timedelta) -> None:
    assert zone_found(host_name="central.example", now=timezone.now() - back).name == "central.example"


def test_init_goes_on_where_an_earlier_version_left_a_lease(founded: Path) -> None:
    PeriodicWork.objects.create(name="trust zone init", lease_until=timezone.now() + timedelta(minutes=2))
    assert zone_found(host_name="central.example", now=timezone.now()).name == "central.example"


def test_a_second_init_is_refused_and_names_the_first(founded: Path) -> None:
    now = timezone.now()
    with files.held(founded / "init.lock", now=now), pytest.raises(ZoneBroken, match=rf"process \d+, since {now:%Y-%m-%d %H:%M:%S} UTC"):
        zone_found(host_name="central.example", now=now)
    assert zone_found(host_name="central.example", now=now).name == "central.example"
