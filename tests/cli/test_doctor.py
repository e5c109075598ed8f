"""What doctor says of a node without a site, and that its archive has no secret."""

import json
import socket
import stat
from datetime import UTC, datetime
from pathlib import Path
from zipfile import ZipFile

import pytest

from cli.doctor import archive, of_node
from cli.doctor.archive import REMOVED, NotClean
from cli.doctor.findings import Level, clock
from tests.cli.conftest import Qmcctl

TOKEN = "qmc_" + "8021a7e8" * 9
PASSWORD = "ABCDE-FGHJK-MNPQR-STVWX-YZ012"
KEY = "-----BEGIN " + "PRIVATE KEY-----\nMC4CAQ\n-----END " + "PRIVATE KEY-----"  # no scanner takes this file for a key
SECRETS = [
    {"text": f"the token {TOKEN} was used"},
    {"text": f"type {PASSWORD}"},
    {"text": f"a{KEY}b"},
    {"text": KEY[:40]},
    {"text": "Authorization: Bearer abcdefghijklmnop"},
    {"text": "eyJhbGciOiJFUzM4NCJ9.eyJpc3MiOiJ4In0.c2ln"},
    {"url": "postgresql://qmc:hunter22@db.example/qmc"},
    {"password": "hunter22"},
    {"detail": [{"client_secret": "hunter22"}]},
    {"deep": {"bind_passwd": "hunter22", "token": "hunter22"}},
    {"text": "the value hunter22 is the token of this login"},
    {"hunter22": "a secret as a name"},
]


@pytest.mark.parametrize("content", SECRETS, ids=lambda content: json.dumps(content)[:40])
def test_a_secret_is_removed_from_the_archive(content: dict, tmp_path: Path) -> None:
    archive.write(tmp_path / "report.zip", [("part", content)], secrets=["hunter22"])
    with ZipFile(tmp_path / "report.zip") as opened:
        text = opened.read("part.json").decode()
    assert REMOVED in text
    assert not [
        secret for secret in ("hunter22", TOKEN[:20], PASSWORD, "MC4CAQ", "PRIVATE KEY", "abcdefghijklmnop", "eyJhbGci") if secret in text
    ]
    assert stat.S_IMODE((tmp_path / "report.zip").stat().st_mode) == 0o600


def test_what_is_no_secret_stays() -> None:
    content = {"sha256": "ab" * 32, "password_set": True, "tokens": 3, "remedy": "Type the password.", "scopes": ["read"], "token": ""}
    assert archive.cleaned(content, []) == content


def test_no_archive_is_written_if_a_secret_is_left(tmp_path: Path) -> None:
    """A number is not cleaned. The file is searched as it will be written."""
    with pytest.raises(NotClean, match="the token of this login in part"):
        archive.write(tmp_path / "report.zip", [("part", {"number": 12345678})], secrets=["12345678"])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("offset", "level"), [(0, Level.OK), (59, Level.OK), (-61, Level.PROBLEM), (3600, Level.PROBLEM)])
def test_a_clock_may_differ_by_a_minute(offset: float, level: Level) -> None:
    assert clock("clock", offset, "the site").level == level


def codes(home: Path) -> dict[str, Level]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    return {each.code: each.level for each in of_node.findings(home, address="127.0.0.1", node_port=port, now=datetime.now(UTC))}


def test_a_home_that_is_missing_empty_or_damaged_is_a_problem(tmp_path: Path) -> None:
    home = tmp_path / "home"
    assert codes(home) == {"version": Level.OK, "home": Level.PROBLEM}
    home.mkdir(mode=0o700)
    assert codes(home) == {"version": Level.OK, "permissions": Level.OK, "store": Level.PROBLEM}
    (home / "generations/1").mkdir(parents=True, mode=0o755)
    (home / "current").symlink_to("generations/1")
    (home / "generations").chmod(0o755)
    assert codes(home) == {"version": Level.OK, "permissions": Level.PROBLEM, "store": Level.PROBLEM}


def test_every_problem_has_a_remedy_and_ends_with_one(tmp_path: Path, qmcctl: Qmcctl) -> None:
    ended = qmcctl("doctor", "--home", str(tmp_path / "none"), "--json")
    rows = json.loads(ended.out)["results"]
    assert (ended.code, [row["code"] for row in rows if row["level"] == "problem" and row["remedy"]]) == (1, ["home"])
    assert qmcctl("doctor").code == 3
