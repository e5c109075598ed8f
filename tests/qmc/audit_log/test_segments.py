"""The pages of old events: what will be in files before they are written, and the decision to remove them."""

from datetime import timedelta
from html import unescape

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from audit.models import Event, Segment, SyslogReceiver
from audit.retention import services
from tests import factories
from tests.audit.retention.test_retention import advance, ends

__all__ = ["ends"]
PATH = "/audit/segments/"
BEFORE = (timezone.now() + timedelta(days=2)).date().isoformat()
DECISION = {"reason": "Kept for 2 years.", "copied": "on"}


@pytest.fixture
def ann(client: Client, ends: list[int], monkeypatch: pytest.MonkeyPatch) -> Client:
    """A RootAdmin of a site whose events may be in files at once."""
    monkeypatch.setattr(services, "KEPT", timedelta(days=-3))
    client.force_login(User.objects.create_superuser("ann"))
    return client


def shown(client: Client, path: str, status: int = 200, **posted: str) -> str:
    answer = client.post(path, posted, secure=True) if posted else client.get(path, secure=True)
    assert answer.status_code == status
    return unescape(answer.content.decode())


def written(ann: Client) -> Segment:
    shown(ann, f"{PATH}close/", 302, before=BEFORE)
    segment = Segment.objects.get()
    advance(segment)
    return segment


def test_what_will_be_in_files_is_shown_before_they_are_written(ann: Client, ends: list[int]) -> None:
    page = shown(ann, f"{PATH}close/?before={BEFORE}")
    assert f"{ends[-1]} events will be in 1 file" in page
    assert not Segment.objects.exists()
    shown(ann, f"{PATH}close/", 302, before=BEFORE)
    assert (Segment.objects.get().last, Segment.objects.get().created_by) == (ends[-1], "ann")
    page = shown(ann, PATH)
    assert "being written" in page
    assert 'data-live="2"' in page


@pytest.mark.parametrize(
    ("before", "status", "text"),
    [
        ("", 400, "Enter the day."),
        ("soon", 400, "Enter a day, such as"),
        ("2999-01-01", 409, "Give an earlier time."),
        ("1999-01-01", 409, "Give a later time."),
        ("0001-01-01", 409, "Give a later time."),
        ("9999-12-31", 409, "Give an earlier time."),
    ],
)
def test_a_day_that_cannot_be_used_says_why(before: str, status: int, text: str, ann: Client) -> None:
    assert text in shown(ann, f"{PATH}close/?before={before}", status)
    assert text in shown(ann, f"{PATH}close/", status, before=before)
    assert not Segment.objects.exists()


def test_a_file_is_shown_with_its_digest_until_its_events_are_removed(ann: Client) -> None:
    segment = written(ann)
    page = shown(ann, PATH)
    assert all(text in page for text in ("written and verified", segment.sha256, segment.file_name))
    assert 'data-live="30"' in page
    assert segment.sha256 in shown(ann, f"{PATH}{segment.pk}/remove/")
    for missing, text in {"reason": "Enter the reason.", "copied": "Copy the file first"}.items():
        posted = {name: value for name, value in DECISION.items() if name != missing}
        assert text in shown(ann, f"{PATH}{segment.pk}/remove/", 400, **posted)
    shown(ann, f"{PATH}{segment.pk}/remove/", 302, **DECISION)
    page = shown(ann, PATH)
    assert "being removed" in page
    assert "Kept for 2 years." in page
    assert Event.objects.filter(sequence=1).exists()
    advance(segment)
    assert "being removed" not in shown(ann, PATH)
    assert "Only events whose file was written" in shown(ann, f"{PATH}{segment.pk}/remove/", 409, **DECISION)


def test_progress_is_counted_while_events_are_removed(ann: Client, ends: list[int]) -> None:
    segment = written(ann)
    Segment.objects.filter(pk=segment.pk).update(status="removing", checkpoint=3, decided_by="ann", decided_at=timezone.now())
    assert f"0 of {ends[-1]} events removed" in shown(ann, PATH)
    Event._base_manager.filter(sequence__lte=3).delete()
    assert f"3 of {ends[-1]} events removed" in shown(ann, PATH)


def test_a_receiver_that_lacks_the_events_is_named_instead_of_a_button(ann: Client) -> None:
    segment, now = written(ann), timezone.now()
    SyslogReceiver.objects.create(name="archive", host="logs.site.example", created_at=now, changed_at=now)
    page = shown(ann, f"{PATH}{segment.pk}/remove/")
    assert "The syslog receiver archive has taken the events up to 0 only." in page
    assert "btn-danger" not in page
    shown(ann, f"{PATH}{segment.pk}/remove/", 409, **DECISION)
    segment.refresh_from_db()
    assert segment.status == "written"


def test_a_person_signs_in_again_before_the_decision(ann: Client) -> None:
    segment, eve = written(ann), factories.root_admin("eve")
    eve.set_password("a long password")
    eve.save()
    ann.force_login(eve)
    for posted in ({}, DECISION):
        shown(ann, f"{PATH}{segment.pk}/remove/", 302, **posted)
    segment.refresh_from_db()
    assert segment.status == "written"
