"""`init` again, whatever the clock says, and two of it at once."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from agent import files
from jobs.models import PeriodicWork
from nodes.central.founding import zone_found
from sealing.errors import ZoneBroken
from storage.data_directory import root_passphrase_make


@pytest.mark.parametrize("back", [timedelta(seconds=1), timedelta(minutes=2), timedelta(days=400)], ids=str)
def test_init_goes_on_after_the_clock_was_set_back(site_directory: Path, back: timedelta) -> None:
    assert zone_found(host_name="central.example", now=timezone.now() - back).name == "central.example"


def test_init_goes_on_where_an_earlier_version_left_a_lease(site_directory: Path) -> None:
    PeriodicWork.objects.create(name="trust zone init", lease_until=timezone.now() + timedelta(minutes=2))
    assert zone_found(host_name="central.example", now=timezone.now()).name == "central.example"


def test_a_second_init_is_refused_and_names_the_first(site_directory: Path) -> None:
    now = timezone.now()
    with (
        files.exclusive_lock(site_directory / "init.lock", now=now),
        pytest.raises(ZoneBroken, match=rf"process \d+, since {now:%Y-%m-%d %H:%M:%S} UTC"),
    ):
        zone_found(host_name="central.example", now=now)
    assert zone_found(host_name="central.example", now=now).name == "central.example"


def test_a_new_site_gets_a_root_passphrase_and_a_founded_site_that_lost_its_own_does_not(tmp_path: Path, settings: Any) -> None:
    file = settings.ROOT_PASSPHRASE_FILE = tmp_path / "secrets/root-passphrase"
    with pytest.raises(files.NotPossible, match=rf"{file} is missing, .* Put the file back, or restore the last backup"):
        root_passphrase_make(has_zone=True)
    assert not file.exists()
    root_passphrase_make(has_zone=False)
    made = file.read_text()
    assert (len(made) > 60, file.stat().st_mode & 0o777) == (True, 0o600)
    root_passphrase_make(has_zone=True)
    assert file.read_text() == made
