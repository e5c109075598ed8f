"""A seeded site has what was asked for, its log verifies, and its pages work."""

from datetime import timedelta
from pathlib import Path

import pytest
from django.test import Client
from django.utils import timezone

from audit.checkpoints.look import log_verify
from audit.models import Event
from bench.seed.certificates import client_key_write
from bench.seed.fill import NotSeeded, calls_moved, seed
from bench.seed.plan import Counts
from certs.models import Certificate
from jobs.models import Job
from nodes.automatic.services import renewals_due
from nodes.models import Node, Observation
from nodes.observation.models import trust_digest
from pki.core import keys
from pki.core.verify import fingerprint
from tests.factories import administrator

COUNTS = Counts(nodes=30, certificates=200, events=2000, jobs=50)


def seeded() -> None:
    seed(COUNTS, now=timezone.now(), say=lambda _: None)


@pytest.mark.django_db(transaction=True)
def test_a_seeded_site_is_whole_and_its_pages_show_it(site_directory: Path) -> None:
    before = Event.objects.count(), Certificate.objects.count()
    seeded()
    uploads = Event.objects.filter(action="browser_certificate.uploaded").count()
    verified = log_verify()
    assert (verified.events, verified.findings) == (before[0] + COUNTS.events + uploads + 2, [])  # the lifetime, and the revocation list
    assert verified.last is not None
    assert verified.last.sequence == verified.events
    assert Node.objects.filter(is_central=False).count() == COUNTS.nodes
    assert Certificate.objects.count() == before[1] + COUNTS.certificates
    assert Job.objects.exclude(outcome="").count() == COUNTS.jobs
    newest = Certificate.objects.issued().filter(kind="service").exclude(holder="").order_by("-created_at").first()
    assert newest is not None
    assert newest.sha256 == fingerprint(newest.x509())
    newest.x509().verify_directly_issued_by(Certificate.objects.get(kind="root").x509())
    node = Node.objects.filter(state="registered", is_central=False).first()
    assert node is not None
    client: Client = administrator()
    for page in ("/", "/nodes/", f"/nodes/{node.pk}/", "/certificates/", "/expiry/", "/exports/"):
        answer = client.get(page, secure=True)
        assert answer.status_code == 200, page
    assert node.name in client.get(f"/nodes/{node.pk}/", secure=True).content.decode()


@pytest.mark.django_db(transaction=True)
def test_the_key_of_clients_is_written_for_its_owner_only(site_directory: Path, tmp_path: Path) -> None:
    seeded()
    path = tmp_path / "key.pem"
    client_key_write(path)
    client = Certificate.objects.issued().filter(kind="client", holder_id__in=Node.objects.filter(is_central=False).values("pk")).first()
    assert client is not None
    assert path.stat().st_mode & 0o777 == 0o600
    assert keys.from_pem(path.read_bytes()).public_key() == client.x509().public_key()
    with pytest.raises(FileExistsError):
        client_key_write(path)


@pytest.mark.django_db(transaction=True)
def test_few_nodes_are_due_and_calls_can_be_moved(site_directory: Path) -> None:
    seeded()
    due = [due for due in renewals_due(now=timezone.now()) if due.node.online(timezone.now())]
    assert len(due) == 3
    assert not any(seen.trust_sha256 != trust_digest(seen.trusts, seen.revocation_lists) for seen in Observation.objects.all())
    assert not Certificate.objects.filter(renew_at=None).exclude(kind="root").exists()
    later = timezone.now() + timedelta(days=1)
    assert not any(node.online(later) for node in Node.objects.filter(state="registered"))
    calls_moved(now=later)
    online = [seen for seen in Observation.objects.all() if seen.node.online(later)]
    assert len(online) > 20


@pytest.mark.django_db(transaction=True)
def test_only_a_founded_site_without_nodes_is_seeded(data_directory: Path) -> None:
    with pytest.raises(NotSeeded, match="not founded"):
        seeded()


@pytest.mark.django_db(transaction=True)
def test_a_site_is_seeded_once(site_directory: Path) -> None:
    seeded()
    with pytest.raises(NotSeeded, match="has nodes already"):
        seeded()
