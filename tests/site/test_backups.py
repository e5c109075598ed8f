"""A backup from the console over real processes: the worker is killed while it makes the file, the file is complete all the same, and the real command restores it."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from sitekit.site import ROOT, Site

WORD = "correct horse battery staple"


def test_a_backup_survives_its_worker_and_is_restored(site: Site, tmp_path: Path) -> None:
    status, backup = site.call("POST", "/backups/", {"passphrase": WORD})
    assert status == 202, backup
    own = f"/backups/{backup['id']}/"

    def now() -> dict[str, Any]:
        found: dict[str, Any] = site.call("GET", own)[1]
        return found

    site.wait(lambda: now()["state"] in ("writing", "verifying"))
    for pid in site.pids("celery", "worker"):
        os.kill(pid, signal.SIGKILL)
    site.wait(lambda: now()["state"] in ("made", "failed"), 300)
    made = now()
    assert (made["state"], made["verified_at"] is not None) == ("made", True), made["reason"]
    file = Path(made["folder"]) / made["name"]
    assert (file.stat().st_mode & 0o777, file.stat().st_size) == (0o600, made["size"])
    assert site.rows("SELECT count(*) FROM backups_backup WHERE sealed_passphrase IS NOT NULL") == [(0,)]
    assert not [place for place, content in site.contents() if WORD.encode() in content]
    (tmp_path / "passphrase").write_text(WORD)
    words = ["restore", str(file), "--passphrase-file", str(tmp_path / "passphrase"), "--data-dir", str(tmp_path / "restored")]
    restored = subprocess.run(
        [sys.executable, "manage.py", *words], cwd=ROOT, env=site.environment, capture_output=True, text=True, check=False
    )
    assert (restored.returncode, f"Backup of {made['zone']}" in restored.stdout) == (0, True), restored.stderr
    assert site.call("DELETE", own)[0] == 202
    site.wait(lambda: not file.exists())
