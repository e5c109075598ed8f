"""Preview, begin, cancel, and secrets that are shown once."""

import uuid
from dataclasses import replace
from datetime import timedelta

import pytest
from django.contrib.auth.models import User

from audit.actors import PermissionRefused
from audit.models import Event
from bulk import actions
from bulk.actions import GONE, Action, action_register
from bulk.errors import ActionUnknown, IllegalBulkTransition, RequestReused, SecretsGone
from bulk.models import BulkItem, BulkWork
from bulk.services import MOST, NewItem, bulk_begin, bulk_cancel, bulk_preview, has_secrets, secrets_take, secrets_wipe, works_delete_old
from jobs.models import Job
from people.roles.groups import role_give
from people.roles.registry import Role
from tests import factories
from tests.bulk.conftest import NOW, acts, begun, nodes, results
from tests.bulk.test_worker import work_through
from web.errors import InputInvalid

pytestmark = pytest.mark.usefixtures("site_directory")


def test_a_preview_names_what_is_refused_and_what_is_gone(ann: User, action: Action) -> None:
    gone = uuid.uuid4()
    chosen = [*nodes("rim2", "no1", "rim1"), gone]
    preview = bulk_preview(actor=acts(ann), action=action, subjects=[*chosen, *chosen], now=NOW)
    assert [row.label for row in preview.rows] == ["no1", "rim1", "rim2", str(gone)]
    assert [row.label for row in preview.possible] == ["rim1", "rim2"]
    assert {reason: len(rows) for reason, rows in preview.refused.items()} == {"It may not. Ask first.": 1, GONE: 1}
    assert not BulkWork.objects.exists()
    assert not Job.objects.exists()


@pytest.mark.parametrize("count", [0, MOST + 1])
def test_no_row_and_too_many_rows_are_refused(ann: User, action: Action, count: int) -> None:
    with pytest.raises(InputInvalid):
        bulk_preview(actor=acts(ann), action=action, subjects=[uuid.uuid4()] * count, now=NOW)
    with pytest.raises(InputInvalid):
        bulk_begin(actor=acts(ann), action=action, items=[NewItem("x")] * count, parameters={}, request=uuid.uuid4(), now=NOW)
    assert not BulkWork.objects.exists()


def test_the_permission_of_the_action_is_required(action: Action, db: None) -> None:
    mia = User.objects.create_user("mia")
    role_give(mia, Role.AUDIT_ADMIN)
    with pytest.raises(PermissionRefused):
        begun(action, mia, "rim1")


def test_work_has_all_its_rows_one_job_and_one_event(ann: User, action: Action) -> None:
    work = begun(action, ann, "rim1", "no1", "rim2")
    assert (work.title, work.total, work.account, work.actor) == ("Try 2 nodes", 3, ann, "ann")
    assert results(work) == [("no1", "refused"), ("rim1", "waiting"), ("rim2", "waiting")]
    assert Job.objects.get().title == "Try 2 nodes"
    event = Event.objects.get(action="bulk.begun")
    assert (event.actor, event.detail) == ("ann", {"action": "nodes.try", "total": 3, "refused": 1})


def test_the_same_request_begins_once(ann: User, action: Action) -> None:
    asked, chosen = uuid.uuid4(), nodes("rim1")
    preview = bulk_preview(actor=acts(ann), action=action, subjects=chosen, now=NOW)
    made = [bulk_begin(actor=acts(ann), action=action, items=preview.items(), parameters={}, request=asked, now=NOW) for _ in range(2)]
    assert made[0] == made[1]
    assert (BulkWork.objects.count(), BulkItem.objects.count(), Job.objects.count()) == (1, 1, 1)
    other = replace(action, name="nodes.other")
    with pytest.raises(RequestReused, match="already begun another action"):
        bulk_begin(actor=acts(ann), action=other, items=preview.items(), parameters={}, request=asked, now=NOW)


def test_work_of_which_no_row_is_possible_is_refused(ann: User, action: Action) -> None:
    with pytest.raises(InputInvalid, match="possible for none"):
        begun(action, ann, "no1")


def test_work_is_cancelled_once(ann: User, action: Action) -> None:
    work = begun(action, ann, "rim1", "rim2")
    bulk_cancel(actor=acts(ann), work=work, now=NOW)
    work_through(work)
    assert (work.state, results(work)) == ("cancelled", [("rim1", "cancelled"), ("rim2", "cancelled")])
    assert Job.objects.get().outcome == "cancelled"
    with pytest.raises(IllegalBulkTransition):
        bulk_cancel(actor=acts(ann), work=work, now=NOW)


def test_secrets_are_shown_once_and_only_to_the_person_who_began(ann: User, action: Action) -> None:
    bob = factories.root_admin("bob")
    work = begun(action, ann, "rim1", "rim2")
    work_through(work)
    with pytest.raises(SecretsGone, match="Only ann"):
        secrets_take(actor=acts(bob), work=work, now=NOW)
    assert [secret for _, secret in secrets_take(actor=acts(ann), work=work, now=NOW)] == ["secret of rim1", "secret of rim2"]
    with pytest.raises(SecretsGone, match="shown already"):
        secrets_take(actor=acts(ann), work=work, now=NOW)
    assert Event.objects.get(action="bulk.secrets_shown").detail == {"count": 2}
    assert not any("secret of" in str(event.detail) for event in Event.objects.all())


def test_secrets_that_nobody_fetched_are_deleted_after_an_hour(ann: User, action: Action) -> None:
    work = begun(action, ann, "rim1")
    work_through(work)
    assert work.finished_at is not None
    assert secrets_wipe(now=work.finished_at + timedelta(minutes=59)) == 0
    assert BulkItem.objects.filter(sealed_secret__isnull=False).count() == 1
    assert secrets_wipe(now=work.finished_at + timedelta(minutes=61)) == 1
    assert BulkItem.objects.filter(sealed_secret__isnull=False).count() == 0


def test_secrets_of_work_that_goes_on_after_a_day_are_shown_and_deleted_too(ann: User, action: Action) -> None:
    work = begun(action, ann, "rim1")
    assert secrets_wipe(now=work.created_at + timedelta(hours=25)) == 1
    work_through(work)
    assert work.finished_at is not None
    assert has_secrets(work)
    assert secrets_wipe(now=work.finished_at + timedelta(hours=26)) == 1
    assert BulkItem.objects.filter(sealed_secret__isnull=False).count() == 0


def test_finished_work_is_deleted_after_ninety_days(ann: User, action: Action) -> None:
    finished, unfinished = begun(action, ann, "rim1"), begun(action, ann, "rim2")
    work_through(finished)
    assert finished.finished_at is not None
    assert works_delete_old(now=finished.finished_at + timedelta(days=89)) == 0
    assert works_delete_old(now=finished.finished_at + timedelta(days=91)) == 1
    assert [*BulkWork.objects.all()] == [unfinished]


def test_the_name_of_an_action_is_taken_once_and_unknown_ones_are_refused(action: Action) -> None:
    with pytest.raises(ValueError, match="registered already"):
        action_register(action)
    with pytest.raises(ActionUnknown, match=r"nodes\.renew"):
        actions.action_of_list("nodes.forget")
