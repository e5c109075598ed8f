"""Nothing in a data directory can be read by another account, whatever the umask; by a group only if QMC_GROUP names it."""

import grp
import os
from pathlib import Path

import pytest

from tests.accounts import OTHER, WEB, WORKER, loose, needs_root, reachable_folder, readable, run
from tests.slow import one_of, takes_minutes

QUICK = {"QMC_KEY_TYPES": "service=RSA-2048,cluster=RSA-2048"}
START = """
import os, sys
os.environ["DJANGO_SETTINGS_MODULE"] = "qmc.settings"
import django
django.setup()
from django.core.checks import run_checks
from django.core.management import call_command
from jobs.tasks import run
def check():
    print(*(each.msg for each in run_checks(include_deployment_checks=True)), sep="\\n")
"""
INIT = 'call_command("init")\n'
SEND = "run.delay()\n"  # a message into the broker
TOKEN = 'call_command("create_token", "admin", name="x")\n'
CHECK = "check()\n"

# As somebody would who has taken over a web process: another passphrase in the place of the root's.
REPLACE = """
import os, sys
secrets = sys.argv[1] + "/secrets"
for attempt in (
    lambda: os.rename(secrets, secrets + "-away"),
    lambda: os.rename(secrets + "/root-passphrase", secrets + "/away"),
    lambda: os.unlink(secrets + "/root-passphrase"),
    lambda: open(secrets + "/root-passphrase", "w"),
):
    try:
        attempt()
        print("done")
    except OSError as exc:
        print(type(exc).__name__)
"""


def loosened(folder: Path) -> None:
    """As an earlier version left it under umask 022."""
    for path in (folder, *folder.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() else 0o644)


@needs_root
@pytest.mark.parametrize(
    ("umask", "uid"), one_of(2, [(0o000, 0), (0o022, WORKER)]), ids=["umask 000 as root", "umask 022 as an account of its own"]
)
def test_no_other_account_reads_anything_of_a_data_directory(umask: int, uid: int) -> None:
    with reachable_folder(uid) as folder:
        environment = QUICK | {"QMC_DATA_DIR": str(folder)}
        run("-c", START + INIT + SEND, uid=uid, umask=umask, **environment)
        assert loose(folder) == []
        assert readable(folder, uid=OTHER) == set()
        assert folder / "db.sqlite3" in readable(folder, uid=uid)  # so an attempt can succeed

        loosened(folder)
        assert {folder / "db.sqlite3", folder / "secrets/root-passphrase"} <= readable(folder, uid=OTHER)
        before, after = run("-c", START + CHECK + INIT + "print('corrected')\n" + CHECK, uid=uid, umask=umask, **environment).split(
            "corrected"
        )
        assert f"Other accounts can read {folder / 'db.sqlite3'}." in before
        assert "Other accounts" not in after
        assert loose(folder) == []


@needs_root
@takes_minutes
def test_two_accounts_of_a_group_run_one_site_and_only_the_workers_read_the_passphrase() -> None:
    group = next(candidate for candidate in grp.getgrall() if candidate.gr_gid not in (0, os.getegid()))
    alone, groups = QUICK | {"QMC_DATA_DIR": ""}, (group.gr_gid,)
    with reachable_folder(WORKER) as folder:
        alone["QMC_DATA_DIR"] = str(folder)
        shared = alone | {"QMC_GROUP": group.gr_name}
        run("-c", START + INIT, uid=WORKER, **alone)
        assert readable(folder, uid=WEB, groups=groups) == set()

        run("-c", START + INIT + SEND + TOKEN, uid=WORKER, groups=groups, **shared)
        run("-c", START + SEND + TOKEN, uid=WEB, groups=groups, **shared)  # it writes where the other has written, and then the other again
        output = run("-c", START + SEND + TOKEN + CHECK, uid=WORKER, groups=groups, **shared)
        assert "Other accounts" not in output
        everything = {folder, *folder.rglob("*")}
        not_read = {path.relative_to(folder).as_posix() for path in everything - readable(folder, uid=WEB, groups=groups)}
        of_the_log = {"audit", "audit/lock", "audit/checkpoints", "audit/public-key.pem"}
        assert not_read == {"secrets/root-passphrase", "secrets/admin-password", *of_the_log}
        assert everything == readable(folder, uid=WORKER, groups=groups)
        assert readable(folder, uid=OTHER) == set()

        output = run("-c", REPLACE, str(folder), uid=WEB, groups=groups)
        assert output.splitlines() == ["PermissionError"] * 4, output

        run("-c", START + INIT, uid=WORKER, groups=groups, **alone)  # the group is taken away again
        assert readable(folder, uid=WEB, groups=groups) == set()


def test_a_group_that_does_not_exist_is_refused_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(
        AssertionError, match=r"^QMC_GROUP=nobody-knows is not a group of this system\. Create the group, or unset QMC_GROUP\."
    ):
        run("manage.py", "check", uid=os.geteuid(), QMC_DATA_DIR=str(tmp_path), QMC_GROUP="nobody-knows")
