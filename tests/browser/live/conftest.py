"""An empty site. Each test has its own agents, which call every second, so that changes are fast."""

from collections.abc import Iterator

import pytest

from sitekit.site import Site, running_site
from tests.environment import QUICK


@pytest.fixture(scope="package")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with running_site(tmp_path_factory.mktemp("live"), agents=0, environment=QUICK | {"QMC_HEARTBEAT_S": "1"}) as running:
        yield running
