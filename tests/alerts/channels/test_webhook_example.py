"""The example in docs/alerts.md verifies what the console sends."""

import base64
import hmac
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from alerts.channels.kinds import KINDS, Outgoing
from tests.alerts.channels.conftest import checked
from tests.receivers import http_receiver

Verify = Callable[[str, dict[str, str], bytes], None]
pytestmark = pytest.mark.django_db


@pytest.fixture
def verify() -> Verify:
    (example,) = re.findall(r"^```python\n(.*?)^```", (Path(settings.BASE_DIR) / "docs/alerts.md").read_text(), re.DOTALL | re.MULTILINE)
    names: dict[str, Any] = {}
    exec(example, names)
    found: Verify = names["verify"]
    return found


@pytest.fixture
def request_of(site_directory: Path, outgoing: Callable[..., Outgoing]) -> tuple[str, dict[str, str], bytes]:
    """The secret of a webhook, and headers and body that its receiver got."""
    with http_receiver() as receiver:
        values = checked("webhook", url=receiver.url)
        KINDS["webhook"].send(values, outgoing())
    (received,) = receiver.received
    return values["secret"], {name.lower(): value for name, value in received.headers.items()}, received.body


def test_the_example_takes_what_the_console_sends(verify: Verify, request_of: tuple[str, dict[str, str], bytes]) -> None:
    secret, headers, body = request_of
    verify(secret, headers, body)
    verify(secret, headers | {"webhook-signature": f"v1,other {headers['webhook-signature']}"}, body)


def test_the_example_refuses_everything_else(verify: Verify, request_of: tuple[str, dict[str, str], bytes]) -> None:
    secret, headers, body = request_of
    other = "whsec_" + base64.b64encode(bytes(32)).decode()
    for forged in (
        (other, headers, body),
        (secret, headers, body.replace(b"rim1", b"rim2")),
        (secret, headers | {"webhook-id": "other"}, body),
        (secret, headers | {"webhook-signature": ""}, body),
    ):
        with pytest.raises(ValueError, match="does not match"):
            verify(*forged)
    old = str(int(headers["webhook-timestamp"]) - 301)
    signed = b".".join([headers["webhook-id"].encode(), old.encode(), body])
    signature = base64.b64encode(hmac.digest(base64.b64decode(secret.removeprefix("whsec_")), signed, "sha256")).decode()
    with pytest.raises(ValueError, match="is old"):
        verify(secret, headers | {"webhook-timestamp": old, "webhook-signature": f"v1,{signature}"}, body)
