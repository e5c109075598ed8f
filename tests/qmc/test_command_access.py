"""Who may run a command of manage.py: commands read the data directory and its secrets, so only its owner can run them."""

import os
import subprocess
import sysconfig
from pathlib import Path

import pytest
from django.core.management import get_commands

from tests.accounts import OTHER, ROOT, needs_root, python
from tests.slow import takes_minutes

OWNER = "the owner of the data directory"
COMMANDS = {
    "accept_audit_gap": OWNER, "backup": OWNER, "close_audit_segments": OWNER, "create_token": OWNER, "init": OWNER, "migrate": OWNER, "recreate_root": OWNER, "repair_central": OWNER, "reset_admin": OWNER,
    "restore": OWNER, "revoke_token": OWNER, "rotate_central_key": OWNER, "rotate_root_passphrase": OWNER, "serve": OWNER, "set_addresses": OWNER,
    "settings": OWNER, "up": OWNER, "verify_audit": OWNER,
}  # fmt: skip
ARGUMENTS = {
    "accept_audit_gap": ["--reason", "x"], "backup": ["/nonexistent/backup"], "close_audit_segments": ["--before", "2020-01-01T00:00:00Z"], "create_token": ["admin", "--name", "x"], "revoke_token": ["admin", "--name", "x"], "restore": ["/nonexistent/backup"],
    "serve": ["console"], "set_addresses": ["10.0.0.5:4242"],
}  # fmt: skip


def test_every_command_has_its_row() -> None:
    assert {name for name, app in get_commands().items() if app in ("qmc", "audit")} == COMMANDS.keys()


@needs_root
@takes_minutes
@pytest.mark.parametrize("name", [name for name, who in COMMANDS.items() if who == OWNER])
def test_another_account_cannot_run_it(site_directory: Path, name: str) -> None:
    site_directory.chmod(0o700)
    environment = {
        "QMC_DATA_DIR": str(site_directory),
        "PATH": os.environ["PATH"],
        "HOME": "/nonexistent",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONPATH": sysconfig.get_path("purelib"),
    }
    ended = subprocess.run(
        [python(OTHER), "manage.py", name, *ARGUMENTS.get(name, [])], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120,
        user=OTHER, group=OTHER, extra_groups=(), check=False,
    )  # fmt: skip
    assert ended.returncode != 0, ended.stdout
    assert "ermission" in ended.stderr, ended.stderr
