"""A new root passphrase: after a kill at any step, every root key opens, and the next run completes the rotation."""

import io
import os
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import call_command
from django.core.management.base import CommandError, SystemCheckError
from django.utils import timezone

from audit.actors import SYSTEM
from audit.models import Event
from certs.certificates.issuer import issuer_current, issuer_of, root_key
from certs.models import Certificate, TrustZone
from certs.roots import passphrase as rotation
from certs.roots.passphrase import root_passphrase_rotate
from certs.roots.services import root_make
from pki.core import keys
from sealing.errors import ZoneBroken
from sealing.root_passphrase import previous_file

OLD = b"passphrase of this machine"


class KilledError(BaseException):
    """As kill -9: nothing after it is run."""


def root() -> Certificate:
    return Certificate.objects.get(kind="root", generation=1)


def rotate() -> int:
    return root_passphrase_rotate(actor=SYSTEM, now=timezone.now())


def new_alone() -> bytes:
    """The current passphrase alone opens every root key. The old one opens none."""
    passphrase: bytes = settings.ROOT_PASSPHRASE_FILE.read_bytes()
    assert not previous_file().exists()
    for row in Certificate.objects.exclude(encrypted_private_key=None):
        assert keys.from_pem(bytes(row.encrypted_private_key), passphrase).public_key() == row.x509().public_key()
    return passphrase


def test_every_root_key_is_encrypted_with_a_new_passphrase_that_is_never_printed(site_directory: Path) -> None:
    root_make(zone=TrustZone.objects.get(), number=2, actor=SYSTEM, now=timezone.now())
    assert rotate() == 2
    passphrase = new_alone()
    assert passphrase != OLD
    assert settings.ROOT_PASSPHRASE_FILE.stat().st_mode & 0o777 == 0o600
    assert issuer_current().private_key.public_key() == Certificate.objects.get(kind="root", generation=2).x509().public_key()
    details = [str(event.detail) for event in Event.objects.filter(action="root_passphrase.rotated")]
    assert details == ["{'keys': 2}"]
    rotate()
    assert new_alone() != passphrase


@pytest.mark.django_db(transaction=True)
def test_the_command_prints_the_path_and_not_the_passphrase(site_directory: Path) -> None:
    call_command("rotate_root_passphrase", stdout=(said := io.StringIO()))
    assert str(settings.ROOT_PASSPHRASE_FILE) in said.getvalue()
    assert new_alone().decode() not in said.getvalue()


KILLS = {
    "before the file beside is written": ("replace", 1, "before"),
    "after the file beside is written": ("replace", 1, "after"),
    "before the new passphrase is in its file": ("replace", 2, "before"),
    "after the new passphrase is in its file": ("replace", 2, "after"),
    "before the keys are encrypted": ("_reencrypt", 1, "before"),
    "before the commit": ("record", 1, "after"),
    "after the commit": ("_zone_locked", 2, "before"),
    "before the old one is deleted": ("sync_folder", 1, "before"),
}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("name", "call", "side"), KILLS.values(), ids=KILLS)
def test_killed_at_any_step_every_key_opens_and_the_next_run_completes_it(
    site_directory: Path, monkeypatch: pytest.MonkeyPatch, name: str, call: int, side: str
) -> None:
    real, calls = getattr(rotation, name), []

    def killed(*args: object, **options: object) -> object:
        calls.append(name)
        if len(calls) == call and side == "before":
            raise KilledError
        result = real(*args, **options)
        if len(calls) == call:
            raise KilledError
        return result

    with monkeypatch.context() as patch:
        patch.setattr(rotation, name, killed)
        with pytest.raises(KilledError):
            rotate()
    # a worker goes on signing, and makes roots, in whatever state that left
    assert issuer_current().private_key.public_key() == root().x509().public_key()
    made = root_make(zone=TrustZone.objects.get(), number=2, actor=SYSTEM, now=timezone.now())
    assert root_key(made).public_key() == made.x509().public_key()
    assert rotate() == 2
    assert new_alone() != OLD


def test_a_row_that_was_read_before_the_rotation_still_signs(site_directory: Path) -> None:
    stale = root()
    rotate()
    assert issuer_of(stale).private_key.public_key() == stale.x509().public_key()


def test_a_passphrase_that_opens_nothing_changes_nothing(site_directory: Path) -> None:
    settings.ROOT_PASSPHRASE_FILE.write_bytes(b"another one")
    before = bytes(root().encrypted_private_key)
    with pytest.raises(ZoneBroken, match="does not open with the root passphrase"):
        rotate()
    assert (settings.ROOT_PASSPHRASE_FILE.read_bytes(), previous_file().exists(), bytes(root().encrypted_private_key)) == (
        b"another one",
        False,
        before,
    )


def test_a_custom_file_behind_a_link_is_replaced_where_it_is(site_directory: Path, settings, tmp_path: Path) -> None:
    real = tmp_path / "elsewhere/passphrase"
    real.parent.mkdir()
    real.write_bytes(OLD + b"\n")
    settings.ROOT_PASSPHRASE_FILE = tmp_path / "link"
    settings.ROOT_PASSPHRASE_FILE.symlink_to(real)
    rotate()
    assert settings.ROOT_PASSPHRASE_FILE.is_symlink()
    assert real.read_bytes() == new_alone()


def test_a_process_without_the_passphrase_cannot_rotate_it(site_directory: Path, settings) -> None:
    settings.ROOT_PASSPHRASE_FILE = None
    with pytest.raises(CommandError, match="does not have the root passphrase"):
        call_command("rotate_root_passphrase")


def test_check_reports_an_interrupted_rotation(site_directory: Path) -> None:
    previous_file().write_bytes(b"x")
    with pytest.raises(SystemCheckError, match="rotate_root_passphrase"):
        call_command("check", deploy=True, fail_level="WARNING")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may write for another account")
def test_root_may_rotate_what_another_account_owns(site_directory: Path) -> None:
    """An administrator types the commands as root, and the site's processes run as another account."""
    secrets = settings.SECRETS_DIR
    for path in (secrets, *secrets.iterdir()):
        os.chown(path, 65534, 65534)
    call_command("rotate_central_key", prepare=True, stdout=io.StringIO())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rotation, "_reencrypt", lambda _: owners.update({path.name: path.stat().st_uid for path in secrets.iterdir()}))
        owners: dict[str, int] = {}
        rotate()
    assert owners == dict.fromkeys(["root-passphrase", "root-passphrase.previous", "secret-key", "central-key"], 65534)
