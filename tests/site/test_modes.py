"""A running site that was started under umask 000, and a second start beside it."""

import subprocess
import sys

from sitekit.engines import free_port
from sitekit.site import ROOT, Site
from tests.accounts import loose


def test_nothing_that_a_running_site_writes_is_readable_by_other_accounts(site: Site) -> None:
    assert {"db.sqlite3", "logs", "broker", "agents", "node", "secrets"} <= {path.name for path in site.data.iterdir()}
    assert loose(site.data) == []


def test_a_second_up_on_the_same_data_directory_is_refused_and_names_the_first(site: Site) -> None:
    command = [sys.executable, "manage.py", "up", "--data-dir", str(site.data), "--port", str(free_port()), "--node-port", str(free_port())]
    ended = subprocess.run(command, cwd=ROOT, env=site.environment, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 1
    assert f"`up` already runs on {site.data}: process {site.process.pid}, since 20" in ended.stderr
    assert "Stop it, or give another --data-dir." in ended.stderr
    assert site.process.poll() is None
