"""Other accounts of this system, for tests of who can read what. Only root can act as another."""

import functools
import os
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
WORKER, WEB, OTHER = 64001, 64002, 64003  # ids that need no entry in /etc/passwd
TRY = """
import os, sys
for path in sys.stdin.read().splitlines():
    try:
        os.listdir(path) if os.path.isdir(path) else open(path, "rb").read(1)
        print(path)
    except OSError:
        pass
"""
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as another account")


def _as(uid: int, groups: tuple[int, ...]) -> dict[str, Any]:
    return {} if uid == os.geteuid() else {"user": uid, "group": uid, "extra_groups": groups}


@functools.cache
def python(uid: int) -> str:
    """An interpreter that the account `uid` can run with this checkout and its packages: one in a home is for its owner alone."""
    for name in (sys.executable, f"/usr/bin/python3.{sys.version_info.minor}"):
        try:
            subprocess.run(
                [name, "-c", "import django, cryptography, manage"],
                cwd=ROOT,
                env=_environment({}),
                capture_output=True,
                check=True,
                **_as(uid, ()),
            )
        except (OSError, subprocess.CalledProcessError):
            continue
        return name
    pytest.skip("another account cannot run this checkout")


def _environment(further: dict[str, str]) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("QMC_", "PYTHON", "DJANGO_"))}
    packages = {"PYTHONPATH": sysconfig.get_path("purelib"), "PYTHONDONTWRITEBYTECODE": "1", "HOME": "/nonexistent"}
    return kept | packages | further


def run(*words: str, uid: int, groups: tuple[int, ...] = (), umask: int = 0, **environment: str) -> str:
    """What a Python program prints that runs as the account `uid`."""
    ended = subprocess.run(
        [python(uid), *words], cwd=ROOT, env=_environment(environment), capture_output=True, text=True, check=False, umask=umask, **_as(uid, groups)
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def readable(folder: Path, *, uid: int, groups: tuple[int, ...] = ()) -> set[Path]:
    """What in `folder` the account really reads when it tries."""
    tried = "\n".join(str(path) for path in (folder, *folder.rglob("*")))
    ended = subprocess.run([python(uid), "-c", TRY], input=tried, capture_output=True, text=True, check=True, cwd="/", **_as(uid, groups))
    return {Path(line) for line in ended.stdout.splitlines()}


def loose(folder: Path) -> list[str]:
    """What has a bit set for its group or for others."""
    return [
        f"{path} {path.stat().st_mode:o}" for path in (folder, *folder.rglob("*")) if not path.is_symlink() and path.stat().st_mode & 0o077
    ]


@contextmanager
def reachable_folder(uid: int) -> Iterator[Path]:
    """An empty folder of the account `uid` that every account can reach, which pytest's own are not."""
    with tempfile.TemporaryDirectory(prefix="accounts-") as name:
        folder = Path(name, "home")
        folder.parent.chmod(0o755)
        folder.mkdir()
        folder.chmod(0o755)
        os.chown(folder, uid, uid)
        yield folder
