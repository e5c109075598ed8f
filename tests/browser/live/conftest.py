"""A site without furniture, in which every agent is a test's own and calls each second: what happens there is over in no time."""

from collections.abc import Iterator

import pytest

from sitekit.site import Site, running_site
from tests.environment import QUICK


@pytest.fixture(scope="package")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with running_site(tmp_path_factory.mktemp("live"), agents=0, environment=QUICK | {"QMC_HEARTBEAT_S": "1"}) as running:
        yield running
