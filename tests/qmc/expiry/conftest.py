"""A zone with things that expire."""

import uuid
from datetime import timedelta

import pytest
from django.utils import timezone

from certs.models import Certificate, RevocationList, TrustZone
from nodes.models import Observation, Registration
from pki.core import lifetime
from tests import factories

DAY = timedelta(days=1)


@pytest.fixture
def zone(db: None) -> TrustZone:
    """A zone with a root, a node that calls, one that is silent, one that waits for its password, a list, and a cluster certificate."""
    now = timezone.now()
    zone = TrustZone.objects.create(name="central", created_at=now, founded_at=now)
    root = certificate("root", zone.pk, months=60)
    certificate("cluster", zone.pk, months=60, issuer=root)
    for name, seen in (("calls", now), ("silent", now - DAY)):
        made = factories.node(name, at=now, host_name=name, generation=1)
        Observation.objects.create(node=made, last_seen_at=seen)
        certificate("client", made.pk, months=12, issuer=root)
    waits = factories.node("waits", at=now, host_name="waits", state="awaiting_password", generation=2)
    for generation in (1, 2):
        Registration.objects.create(node=waits, generation=generation, actor="anna", created_at=now, expires_at=now + timedelta(hours=23))
    for number, der in ((1, b"old"), (2, b"new"), (3, None)):
        RevocationList.objects.create(root=root, number=number, this_update=now, next_update=now + 30 * DAY, der=der)
    return zone


def certificate(kind: str, holder_id: uuid.UUID, *, months: int, issuer: Certificate | None = None) -> Certificate:
    now = timezone.now()
    end = lifetime.add_months(now, months)
    return factories.certificate(
        kind, holder_id=holder_id, at=now, not_after=end, holder="h", generation=1, issuer=issuer, sha256=uuid.uuid4().hex
    )
