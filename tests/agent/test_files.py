"""Only its own account can read the files of an agent. Wrong modes in a home are corrected, and nothing outside of it is changed."""

import json
import os
import stat
from pathlib import Path

import pytest

from agent import files
from agent.state import State
from pki.exchange.package import Package
from sitekit.authority import Authority
from tests.accounts import OTHER, loose, needs_root, reachable_folder, readable, run


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


@pytest.fixture
def home(authority: Authority, package: Package, tmp_path: Path) -> Path:
    """The home of a registered node, as written by an earlier version with umask 000."""
    state = State(tmp_path / "home")
    state.store.install(package, now=authority.now)
    state.reopen()
    for path in (state.home, *state.home.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o777 if path.is_dir() else 0o666)
    return state.home


def test_modes_of_a_home_are_corrected_and_reported(home: Path) -> None:
    own, key = State(home).own_folder, home.resolve() / "generations/1/exported/server_key.pem"
    assert {home.resolve(), key} <= set(files.readable_by_others(own))
    files.close_to_others(own)
    assert (files.readable_by_others(own), loose(home)) == ([], [])
    assert mode(key) == 0o600


def test_status_names_what_others_can_read(home: Path) -> None:
    status = json.loads(run("-m", "agent", "status", "--json", "--home", str(home), uid=os.geteuid()))
    assert str(home.resolve() / "agent.json") in status["readable_by_others"]
    files.close_to_others(State(home).own_folder)
    assert "readable_by_others: nothing" in run("-m", "agent", "status", "--home", str(home), uid=os.geteuid())


@pytest.mark.parametrize("shared", ["a directory of others is in it", "it has the sticky bit, as /tmp has"])
def test_in_a_shared_directory_only_own_files_are_corrected(home: Path, shared: str) -> None:
    foreign = home / "somebody"
    if "sticky" in shared:
        home.chmod(0o1777)
        foreign.write_text("of somebody")
    else:
        foreign.mkdir()
    foreign.chmod(0o755)
    before = mode(home)
    files.close_to_others(State(home).own_folder)
    assert (mode(home), mode(foreign)) == (before, 0o755)
    assert (mode(home / "agent.json"), mode(home / "generations")) == (0o600, 0o700)


def test_links_are_not_followed(home: Path, tmp_path: Path) -> None:
    outside, target = tmp_path / "outside", tmp_path / "target"
    outside.mkdir()
    target.write_text("of somebody")
    for path in (outside, target):
        path.chmod(0o755)
    (home / "waiting").symlink_to(outside)
    (home / "browser").mkdir()
    (home / "browser/choice.json").symlink_to(target)
    files.close_to_others(State(home).own_folder)
    assert (mode(outside), mode(target)) == (0o755, 0o755)


def test_replaced_and_overwritten_files_get_the_right_mode(tmp_path: Path) -> None:
    left = tmp_path / ".agent.json.new"  # of a process that was killed
    left.touch()
    left.chmod(0o666)
    before = os.umask(0)
    try:
        files.replace(tmp_path / "agent.json", b"{}")
        files.make_folder(tmp_path / "a/b/c")
    finally:
        os.umask(before)
    assert mode(tmp_path / "agent.json") == 0o600
    assert {mode(tmp_path / path) for path in ("a", "a/b", "a/b/c")} == {0o700}


@needs_root
def test_no_other_account_reads_the_home_of_an_agent_that_was_started_under_umask_000() -> None:
    with reachable_folder(0) as folder:
        run("-m", "agent", "set-central", "--home", str(folder / "home"), "192.0.2.1", uid=0, umask=0)
        assert readable(folder / "home", uid=OTHER) == set()
        assert readable(folder / "home", uid=0) == {folder / "home", *(folder / "home").iterdir()}


def test_a_failed_block_is_undone(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "there/kept").write_text("before")
    (tmp_path / "secret").write_text("before")
    before = {path: path.read_bytes() if path.is_file() else None for path in tmp_path.rglob("*")}

    def interrupted() -> None:
        with files.undone_on_error(tmp_path / "there", tmp_path / "new/deep", tmp_path / "secret"):
            files.write(tmp_path / "there/folder/file", b"made")
            (tmp_path / "there/link").symlink_to(tmp_path / "there/folder", target_is_directory=True)
            files.write(tmp_path / "new/deep/file", b"made")
            files.replace(tmp_path / "secret", b"altered")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert {path: path.read_bytes() if path.is_file() else None for path in tmp_path.rglob("*")} == before
    with files.undone_on_error(tmp_path / "new"):
        files.write(tmp_path / "new/file", b"made")
    assert (tmp_path / "new/file").exists()


def test_a_file_that_cannot_be_replaced_leaves_no_part_of_the_new_one(tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    with pytest.raises(OSError, match="directory"):
        files.replace(tmp_path / "taken", b"content")
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]
