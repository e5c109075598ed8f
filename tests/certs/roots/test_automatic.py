"""Whether the root is replaced automatically, in the API."""

from pathlib import Path

from audit.models import Event
from certs.zone.services import zone_current
from tests import factories


def test_the_root_is_replaced_automatically_only_if_that_is_wanted(db: None, site_directory: Path) -> None:
    client, path = factories.administrator(), "/api/v1/settings/root-rotation/"
    before = client.get(path, secure=True).json()["automatic"]
    answer = client.put(path, {"automatic": not before}, content_type="application/json", secure=True)
    assert answer.json() == client.get(path, secure=True).json() == {"automatic": not before}
    assert zone_current().rotates_by_itself is not before
    assert Event.objects.filter(action="rotation.by_itself").count() == 1
    assert client.put(path, {"automatic": "yes"}, content_type="application/json", secure=True).status_code == 400
