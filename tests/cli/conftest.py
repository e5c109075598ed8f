"""qmcctl in this process, with a folder of its own and without the keyring of the machine."""

import io
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import keyring
import keyring.backends.fail
import pytest

from cli.__main__ import main


@dataclass(frozen=True)
class Ended:
    code: int
    out: str
    err: str


Qmcctl = Callable[..., Ended]


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    for name in ("QMC_URL", "QMC_TOKEN", "QMC_CACERT", "QMC_GROUP"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("QMCCTL_HOME", str(tmp_path / "profile"))
    before = keyring.get_keyring()
    keyring.set_keyring(keyring.backends.fail.Keyring())
    yield tmp_path / "profile"
    keyring.set_keyring(before)


@pytest.fixture
def qmcctl(home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Qmcctl:
    """Run a command with this standard input. Options of pytest do not reach it."""

    def run(*words: str, typed: str = "") -> Ended:
        monkeypatch.setattr(sys, "argv", ["qmcctl", *words])
        monkeypatch.setattr(sys, "stdin", io.StringIO(typed))
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capsys.readouterr()
        return Ended(int(ended.value.code or 0), out, err)

    return run
