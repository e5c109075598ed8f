"""One whole site for each engine, shared by the tests of a folder."""

import contextlib
import functools
from collections.abc import Callable, Iterator

import pytest

from sitekit.site import Site, running_site
from tests.environment import QUICK
from tests.slow import RUN_SLOW


@pytest.fixture(scope="package")
def sites(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Site]]:
    """One site for each engine, started when it is first needed. It ends with the last test here, because it needs CPU time.

    In `make faults` the embedded one has keys of the default length.
    """

    def start(on: str) -> Site:
        environment = {} if RUN_SLOW and on == "embedded" else QUICK
        return stack.enter_context(running_site(tmp_path_factory.mktemp("site"), on, environment=environment))

    with contextlib.ExitStack() as stack:
        yield functools.cache(start)


@pytest.fixture(scope="package")
def site(sites: Callable[[str], Site]) -> Site:
    return sites("embedded")
