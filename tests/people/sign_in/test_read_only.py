"""While the database takes no changes, pages and API still answer: a use that cannot be noted stops nobody."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from people.models import ApiToken
from people.sign_in.sessions import SEEN
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def site(site_directory: Path) -> None:
    """A data directory, so that pages can be asked for."""


@contextmanager
def read_only() -> Iterator[None]:
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA query_only = ON")
        try:
            yield
        finally:
            cursor.execute("PRAGMA query_only = OFF")


def test_a_page_is_shown_without_noting_the_session() -> None:
    client = factories.administrator()
    session = client.session
    session[SEEN] = timezone.now().timestamp() - timedelta(minutes=5).total_seconds()
    session.save()
    with read_only():
        assert client.get("/account/", secure=True).status_code == 200
    assert client.session[SEEN] == session[SEEN]


def test_a_token_reads_without_its_use_being_noted() -> None:
    token = factories.token(factories.root_admin("ann"), "script", at=timezone.now())
    with read_only():
        answer = Client().get("/api/v1/nodes/", secure=True, headers={"Authorization": f"Bearer {token}"})
        assert answer.status_code == 200
    assert ApiToken.objects.get().last_used_at is None
