"""A new root passphrase while the site runs: its workers continue to sign, and none is restarted."""

import os
import signal

from sitekit.site import Site
from tests.slow import takes_minutes


def signs(site: Site, machine: str) -> None:
    """A worker signs two certificates."""
    status, answer = site.call("POST", "/exports/", {"machine_names": [machine], "format": "pem", "password": "of the export 1"})
    assert status == 202, answer
    site.wait(lambda: site.rows(f"SELECT status FROM certs_export WHERE machine = '{machine}'") == [("made",)])


@takes_minutes
def test_workers_sign_after_a_rotation_without_a_restart(site: Site) -> None:
    file, workers = site.data / "secrets/root-passphrase", sorted(site.pids("worker"))
    passphrases = [file.read_bytes()]
    said = site.manage("rotate_root_passphrase")
    passphrases.append(file.read_bytes())
    assert passphrases[1] != passphrases[0]
    assert passphrases[1].decode() not in said
    signs(site, "passphrase.example")
    assert sorted(site.pids("worker")) == workers
    for pid in workers:  # `up` gives the next one the file that is there now
        os.kill(pid, signal.SIGKILL)
    signs(site, "passphrase-restarted.example")
    assert [name for name, content in site.contents() for passphrase in passphrases if passphrase in content] == []
    assert list(file.parent.glob("root-passphrase.*")) == []
