"""Commands before `init`: one sentence with a remedy, and no traceback."""

import os
from pathlib import Path

import pytest

from tests.accounts import run

COMMANDS = {
    "create_token": ["admin", "--name", "x"],
    "backup": ["FOLDER/site.age", "--passphrase-file", "FOLDER/passphrase"],
    "recreate_root": ["--backup-dir", "FOLDER/backups", "--trust-zone", "x"],
    "rotate_central_key": [],
    "set_addresses": ["--node-api-address", "192.0.2.1:4242", "--yes"],
}
EACH = """
import sys
sys.stderr = sys.stdout
import manage
for name, words in {commands}.items():
    print("--- " + name)
    sys.argv = ["manage.py", name, *words, "--data-dir", {data!r}]
    try:
        manage.main()
        print("ended well")
    except SystemExit as exc:
        print(exc.code)
"""


@pytest.mark.parametrize("before", [{}, {"migrate": []}], ids=["an empty folder", "a database without a site"])
def test_commands_that_need_a_site_name_init(tmp_path: Path, before: dict[str, list[str]]) -> None:
    (tmp_path / "passphrase").write_text("a passphrase that is long enough")
    commands = {name: [argument.replace("FOLDER", str(tmp_path)) for argument in words] for name, words in (before | COMMANDS).items()}
    script = EACH.format(commands=commands, data=str(tmp_path / "data"))
    # TLS session keys that cannot be written end nothing either.
    outputs = run("-c", script, uid=os.geteuid(), SSLKEYLOGFILE=str(tmp_path / "nowhere/keys")).split("--- ")[1 + len(before) :]
    assert len(outputs) == len(COMMANDS)
    for output in outputs:
        assert "manage.py init" in output, outputs
        assert "ended well" not in output
        assert "Traceback" not in output
