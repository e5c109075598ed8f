"""Keys and certificates of one trust zone, made once a session."""

from collections.abc import Iterator
from types import SimpleNamespace

import hypothesis
import pytest
from django.conf import settings
from django.test.utils import override_settings
from xdist.scheduler import LoadScopeScheduling

from pki.core.pair import Pair
from pki.core.roles import Kind
from pki.core.sealing import SealingKey
from pki.exchange.central_key import written
from pki.exchange.package import Package
from sitekit.authority import NAMES, Authority, make_authority
from tests.slow import examples, takes_minutes

# A busy machine is no error. Properties that name no count of their own try this many examples.
hypothesis.settings.register_profile("tests", examples(100), deadline=None, database=None)
hypothesis.settings.load_profile("tests")

pytest_plugins = ["tests.site_template"]

# Whole sites, the longest first: what shares one runs in one process, one after the other.
GROUPS = (
    "tests/faults",
    "tests/browser/live",
    "tests/browser",
    "tests/upgrade/test_old_site",
    "tests/years",
    "tests/site/test_backup",
    "production",
    "tests/site",
)


_NO_PARAMETERS = SimpleNamespace(params={})


class Groups(LoadScopeScheduling):
    """Tests that share a site stay together; every other test is on its own."""

    def _split_scope(self, nodeid: str) -> str:
        return next((group for group in GROUPS if group in nodeid), nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> Groups:
    return Groups(config, log)


def _is_for_both_engines(item: pytest.Item) -> bool:
    return item.get_closest_marker("both_engines") is not None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """`make test` runs what is marked `both_engines` on PostgreSQL with Redis too; `make faults` runs everything on both."""
    for item in items:
        if "production" in getattr(item, "callspec", _NO_PARAMETERS).params.values() and not _is_for_both_engines(item):
            item.add_marker(takes_minutes)
    items.sort(key=lambda item: next((number for number, group in enumerate(GROUPS) if group in item.nodeid), len(GROUPS)))


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "both_engines: `make test` runs it on SQLite and on PostgreSQL with Redis")
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # a real one costs a quarter of a second a sign-in
    settings.MIDDLEWARE = ["tests.recorded.RecordedMiddleware", *settings.MIDDLEWARE]  # nothing changes without an event
    settings.WHITENOISE_AUTOREFRESH = True  # a test's client looks for a static file when it asks for one, not for all at its start


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What tests tell beside their outcome: how much was tried."""
    for report in terminalreporter.getreports("passed") + terminalreporter.getreports("failed"):
        for name, value in report.user_properties if report.when == "call" else ():
            terminalreporter.write_line(f"{name}: {value}")


@pytest.fixture(scope="session", autouse=True)
def central_key(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SealingKey]:
    """The central key of tests that have no site."""
    key, path = SealingKey.generate(), tmp_path_factory.mktemp("secrets") / "central-key"
    path.write_bytes(written([key]))
    with override_settings(CENTRAL_KEY_FILE=path):
        yield key


@pytest.fixture(scope="session")
def authority() -> Authority:
    return make_authority()


@pytest.fixture(scope="session")
def pairs(authority: Authority) -> dict[Kind, Pair]:
    return {kind: authority.pair(kind, names=("127.0.0.2",) if kind is Kind.SERVICE else ()) for kind in NAMES}


@pytest.fixture(scope="session")
def package(authority: Authority, pairs: dict[Kind, Pair]) -> Package:
    return authority.package(service=pairs[Kind.SERVICE], client=pairs[Kind.CLIENT], cluster=pairs[Kind.CLUSTER])
