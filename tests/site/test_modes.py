"""A running site that was started under umask 000."""

from tests.accounts import loose
from tests.site.conftest import Site


def test_nothing_that_a_running_site_writes_is_readable_by_other_accounts(site: Site) -> None:
    assert {"db.sqlite3", "logs", "broker", "agents", "node", "secrets"} <= {path.name for path in site.data.iterdir()}
    assert loose(site.data) == []
