"""Settings: valid and invalid values, and the command that lists them."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import SystemCheckError

from agent.files import NotPossible
from qmc import checks
from qmc import settings as settings_module
from qmc.installation import ELSEWHERE, NAMES, ROWS, SettingInvalid, installation_read
from storage.data_directory import data_directory_prepare

PRINTED = "import django; django.setup(); from nodes.inventory.silence import FIRST_CALL as SILENT_AFTER; from django.conf import settings; print(settings.QMC_HEARTBEAT_S, SILENT_AFTER.seconds)"


@pytest.mark.parametrize(("asked", "expected"), [("0", "1 180"), ("60", "60 180"), ("900", "900 2700"), ("90000", "3600 10800")])
def test_heartbeats_have_bounds_and_three_missed_ones_are_silence(asked: str, expected: str) -> None:
    environment = os.environ | {"QMC_HEARTBEAT_S": asked, "DJANGO_SETTINGS_MODULE": "qmc.settings"}
    answer = subprocess.run([sys.executable, "-c", PRINTED], capture_output=True, text=True, check=True, env=environment)
    assert answer.stdout.split("\n")[0] == expected


BAD = {
    "DATABASE_URL": {
        "no URL": "Give postgres://USER",
        "postgres://u:a-secret@127.0.0.1:99999/x": "Give postgres://USER",
        "mysql://u:a-secret@db.example/x": "Give postgres://USER",
        "postgres://u:a-secret[@h/x": "Give postgres://USER",
    },
    "CELERY_BROKER_URL": {
        "redis": "Give redis://USER",
        "redi://u:a-secret@broker.example/0": "Give redis://USER",
        "redis://u:a-secret@broker.example:x/0": "Give redis://USER",
        "redis://broker.example/0;nothing://u:a-secret@x": "Give redis://USER",
    },
    "QMC_NODE_API_ADDRESSES": {"10.4.2.1:x": "no port from 1 to 65535", "10.4.2.1,fd00::1": "in brackets"},
    "QMC_BASE_URL": {"http://console.example": "Give https://", "https://console.example/path": "has a path"},
    "QMC_ALLOWED_HOSTS": {"console.example:8443": "Give the name alone", "0.0.0.0": "Give a name or an address", ".": "host name"},
    "QMC_TRUSTED_ORIGINS": {"https://a.example,b.example": "Give https://"},
    "QMC_HEARTBEAT_S": {"5m": "Give seconds, 1 to 3600, or unset it for 60."},
    "QMC_HEARTBEAT_MAX_S": {"5m": "Give seconds, 1 to 3600, or unset it for 600."},
    "QMC_KEY_TYPES": {
        "services=RSA-4096": "Kinds: root, service",
        "service=EC P-256": "Types: RSA-2048",
        "client": "Types: ",
    },
    "QMC_DATABASE_KEY_OIDS": {
        "1.3.6.1.4.1.1": "Give two OIDs",
        "1.3.6.1.4.1.1,x": "Give two",
        "2.5.29.1,2.5.29.2": "that nothing else uses",
    },
    "QMC_OUTBOUND_NETWORKS": {"127.0.0.1/8": "without host bits", "mail.example": "Give networks such as"},
    "QMC_TOKEN_REQUESTS": {"-1": "Give a number of requests", "ten": "0 for no limit", "9999999999": "unset it for 6000"},
    "QMC_LOG_FORMAT": {"xml": "Give line or json, or unset it for line."},
    "QMC_METRICS_NETWORKS": {"10.4.2.7/24": "without host bits"},
    "QMC_PROCESS": {"worker": "Give console, node-api or metrics"},
}
GOOD = {
    ("DATABASE_URL", "postgres://u:a-secret@db.example:5433/x?sslmode=require"): "postgres://***@db.example:5433/x?***",
    ("DATABASE_URL", "postgres://u:a;a-secret@db.example/x"): "postgres://***@db.example/x",
    ("DATABASE_URL", "postgres:u:a-secret@db.example/x"): "***",
    ("DATABASE_URL", "postgres://db.example/x?password=1@a-secret"): "***",
    ("DATABASE_URL", "sqlite:////srv/zone.sqlite3"): "sqlite:////srv/zone.sqlite3",
    ("CELERY_BROKER_URL", "redis://:a-secret@one/0;redis://two/0"): "redis://***@one/0;redis://two/0",
    ("CELERY_BROKER_URL", "redis+socket:///run/redis.sock"): "redis+socket:///run/redis.sock",
    ("QMC_NODE_API_ADDRESSES", "10.4.2.1, [fd00::1]:4243,"): "10.4.2.1:4242,[fd00::1]:4243",
    ("QMC_BASE_URL", " https://Console.Example:443/ "): "https://console.example",
    ("QMC_ALLOWED_HOSTS", "*,.Corp.example,[fd00::1]"): "*,.corp.example,[fd00::1]",
    ("QMC_TRUSTED_ORIGINS", "https://a.example:8443"): "https://a.example:8443",
    ("QMC_HEARTBEAT_S", "90000"): "3600",
    ("QMC_HEARTBEAT_MAX_S", "0"): "1",
    ("QMC_TOKEN_REQUESTS", "0"): "0",
    ("QMC_KEY_TYPES", "service=RSA-4096, client=EC P-384"): "service=RSA-4096,client=EC P-384",
    ("QMC_WATCHDOG_URL", "https://hc.example:8443/ping/a-secret?a-secret"): "https://hc.example:8443/***?***",
    ("QMC_DATABASE_KEY_OIDS", "1.3.6.1.4.1.1, 1.3.6.1.4.1.2"): "1.3.6.1.4.1.1,1.3.6.1.4.1.2",
    ("QMC_OUTBOUND_NETWORKS", "127.0.0.0/8, ::1,"): "127.0.0.0/8,::1/128",
    ("QMC_ROOT_PASSPHRASE_FILE", ""): "",
    ("QMC_SECRET_KEY_FILE", ""): "/srv/zone/secrets/secret-key",
}


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in BAD.items() for value in values])
def test_an_invalid_value_is_reported_with_the_allowed_ones(name: str, value: str) -> None:
    with pytest.raises(SettingInvalid, match=f"^{name} ") as refused:
        installation_read({name: value})
    text = str(refused.value)
    assert BAD[name][value] in text
    assert "a-secret" not in text
    assert (repr(value) in text) is (name not in ("DATABASE_URL", "CELERY_BROKER_URL", "QMC_WATCHDOG_URL"))


def test_all_invalid_values_are_reported_together() -> None:
    with pytest.raises(SettingInvalid) as refused:
        installation_read({name: next(iter(values)) for name, values in BAD.items()})
    assert [line.split()[0] for line in str(refused.value).splitlines()] == [row.name for row in ROWS.values() if row.name in BAD]


@pytest.mark.parametrize(("name", "value"), GOOD, ids=lambda parameter: parameter or "empty")
def test_a_value_is_shown_as_it_is_in_force_and_without_its_password(name: str, value: str) -> None:
    found = installation_read({"QMC_DATA_DIR": "/srv/zone", name: value})
    (field,) = (field for field, row in ROWS.items() if row.name == name)
    assert ROWS[field].shown(getattr(found, field)) == GOOD[name, value]
    assert "a-secret" not in repr(found)


def test_a_process_stops_with_one_sentence() -> None:
    answer = subprocess.run(
        [sys.executable, "-c", "import qmc.settings"], capture_output=True, text=True, env=os.environ | {"QMC_HEARTBEAT_S": "5m"}
    )
    assert (answer.returncode, answer.stderr) == (1, "QMC_HEARTBEAT_S is '5m'. Give seconds, 1 to 3600, or unset it for 60.\n")


def test_check_warns_of_a_name_that_does_not_exist(settings: Any) -> None:
    settings.INSTALLATION = installation_read({"QMC_BASEURL": "x", "QMC_SLOW": "1", "PATH": "x"})
    (warning,) = checks.settings_are_known()
    assert (warning.id, "QMC_BASEURL is set" in warning.msg, "QMC_BASE_URL" in warning.msg) == ("qmc.W010", True, True)


def explained(capsys: pytest.CaptureFixture[str]) -> tuple[dict[str, dict[str, Any]], str]:
    call_command("settings", "--json")
    found = json.loads(capsys.readouterr().out)
    return {setting["name"]: setting for setting in found["settings"]}, found["site_data_problem"]


def test_the_command_names_where_each_value_comes_from(site_directory: Path, settings: Any, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("set_addresses", "--base-url", "https://data.example", "--allowed-host", "data.example")
    capsys.readouterr()
    settings.INSTALLATION = installation_read({"QMC_BASE_URL": "https://environment.example", "DATABASE_URL": "postgres://u:a-secret@h/x"})
    found, problem = explained(capsys)
    assert problem == ""
    explained_settings = {
        name: (setting["value"], setting["source"], setting["environment"], setting["site_data"]) for name, setting in found.items()
    }
    assert explained_settings["QMC_BASE_URL"] == (
        "https://environment.example",
        "environment",
        "https://environment.example",
        "https://data.example",
    )
    assert explained_settings["QMC_ALLOWED_HOSTS"] == ("data.example", "site data", None, "data.example")
    assert explained_settings["QMC_NODE_API_ADDRESSES"] == ("127.0.0.1:4242", "site data", None, "127.0.0.1:4242")
    assert explained_settings["QMC_TRUSTED_ORIGINS"] == ("", "default", None, "")
    assert explained_settings["QMC_HEARTBEAT_S"] == ("60", "default", None, None)
    assert explained_settings["DATABASE_URL"][0] == "postgres://***@h/x"
    call_command("settings", "--explain")
    out = capsys.readouterr().out
    assert "From: the environment. The site's data has: https://data.example. The environment overrides it." in out
    assert all(row.name in out and row.purpose in out for row in ROWS.values())
    call_command("settings")
    assert len(capsys.readouterr().out.splitlines()) == len(ROWS)


@pytest.mark.parametrize(
    ("url", "problem"),
    [("", "there is no trust zone yet"), ("postgres://u:a-secret@127.0.0.1:1/x", "The database cannot be reached")],
    ids=["before init", "no database"],
)
def test_the_command_works_without_a_site_and_writes_nothing(tmp_path: Path, url: str, problem: str) -> None:
    data = tmp_path / "data"
    environment = os.environ | {"DATABASE_URL": url, "QMC_ALLOWED_HOSTS": "a.example"}
    words = [sys.executable, "manage.py", "settings", "--data-dir", str(data)]
    answer = subprocess.run(words, capture_output=True, text=True, check=True, env=environment, cwd=settings_module.BASE_DIR)
    values = dict(line.split(maxsplit=1) for line in answer.stdout.splitlines())
    assert (values["QMC_ALLOWED_HOSTS"], values["QMC_BASE_URL"], values["QMC_DATA_DIR"]) == ("a.example", "not known", str(data))
    assert problem in answer.stderr
    assert "a-secret" not in answer.stdout + answer.stderr
    assert not data.exists()


def test_the_document_has_the_table_of_the_code() -> None:
    text = (settings_module.BASE_DIR / "docs/install.md").read_text()
    rows = re.findall(r"^\| `([A-Z_]+)` \| (.+) \| (?:`(.+)` )?\|$", text, re.MULTILINE)
    table = [(name, re.sub(r"\[(.+?)\]\(.+?\)", r"\1", meaning), default) for name, meaning, default in rows]
    assert table == [(row.name, row.purpose, row.default) for row in ROWS.values()]


def test_every_name_in_the_tree_is_a_setting_or_belongs_to_another_program() -> None:
    paths = [path for suffix in ("*.py", "*.md", "*.sh", "*.html") for path in settings_module.BASE_DIR.rglob(suffix)]
    tree = [path for path in paths if not {"node_modules", ".venv", "var", ".git", "control"} & set(path.parts) and path != Path(__file__)]
    used = {name for path in tree for name in re.findall(r"\bQMC_[A-Z_]*[A-Z]\b", path.read_text())}
    assert used <= {*NAMES, *ELSEWHERE}


@pytest.mark.parametrize("place", ["file", "file/below"])
def test_an_unusable_data_directory_is_reported(tmp_path: Path, settings, place: str) -> None:
    (tmp_path / "file").touch()
    settings.QMC_DATA_DIR = tmp_path / place
    with pytest.raises(NotPossible, match=r"cannot be used: .* Choose a directory with --data-dir"):
        data_directory_prepare()


def test_check_reports_nothing_on_a_healthy_site(site_directory: Path) -> None:
    call_command("check", deploy=True, fail_level="DEBUG")


@pytest.mark.parametrize("content", [None, b"another passphrase"])
def test_check_reports_a_wrong_root_passphrase(site_directory: Path, settings, content: bytes | None) -> None:
    settings.ROOT_PASSPHRASE_FILE.unlink()
    if content:
        settings.ROOT_PASSPHRASE_FILE.write_bytes(content)
    with pytest.raises(SystemCheckError, match=r"qmc\.E031"):
        call_command("check", deploy=True)
