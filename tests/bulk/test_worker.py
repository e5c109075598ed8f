"""A worker does the action row by row: what is refused, what fails, and what is lost meanwhile."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from audit.actors import Actor
from audit.models import Event
from bulk import actions
from bulk.actions import Action
from bulk.models import BulkItem, BulkWork
from bulk.services import TASK, bulk_begin, bulk_cancel, bulk_preview
from bulk.worker import UNEXPECTED, bulk_advance, item_run
from jobs.models import Job
from jobs.registry import NameUnknown
from jobs.services import job_claim
from nodes.models import Node, Renewal
from people.models import ApiToken
from people.roles.groups import role_give
from people.roles.registry import Role
from tests import factories
from tests.bulk.conftest import NOW, acts, begun, nodes, results

pytestmark = pytest.mark.usefixtures("site_directory")


def work_through(work: BulkWork) -> None:
    """As a worker does, until the job has finished."""
    job = Job.objects.get(task=TASK, subject=work.pk)
    while not job.outcome:
        job_claim(now=timezone.now(), only=job)
        job.refresh_from_db()
        bulk_advance(job=job)
        job.refresh_from_db()
    work.refresh_from_db()


@pytest.mark.parametrize("kind", ["action", "waits"])
def test_a_refused_or_failed_row_changes_no_other(kind: str, request: pytest.FixtureRequest, ann: User) -> None:
    work = begun(request.getfixturevalue(kind), ann, "rim1", "refused1", "broken1", "rim2")
    work_through(work)
    assert sorted(results(work)) == [("broken1", "failed"), ("refused1", "refused"), ("rim1", "done"), ("rim2", "done")]
    texts = dict(work.items.values_list("label", "text"))
    assert (texts["refused1"], texts["broken1"], texts["rim1"]) == ("It is in use. Wait.", UNEXPECTED, "It was done.")
    assert (work.state, Job.objects.get(task=TASK).outcome) == ("finished", "done")
    detail = Event.objects.get(action="bulk.finished").detail
    assert detail == {"done": 2, "refused": 1, "failed": 1}


def test_nothing_of_a_row_that_is_not_done_stays(ann: User, action: Action) -> None:
    work_through(begun(action, ann, "rim1", "refused1", "broken1"))
    assert [*Node.objects.filter(setup_url="done").values_list("name", flat=True)] == ["rim1"]


def test_the_events_of_each_row_name_the_person(ann: User, action: Action) -> None:
    work_through(begun(action, ann, "rim1", "rim2"))
    assert {*Event.objects.filter(action="node.changed").values_list("actor", flat=True)} == {"ann"}


def test_a_row_that_another_worker_has_ended_is_not_done_again(ann: User, action: Action) -> None:
    work = begun(action, ann, "rim1")
    late = BulkItem.objects.get(work=work)
    work_through(work)
    Node.objects.filter(name="rim1").update(setup_url="")
    item_run(item=late, action=action, parameters={}, actor=acts(ann), now=NOW)
    assert Node.objects.get(name="rim1").setup_url == ""


def test_what_was_done_stays_when_the_rest_is_cancelled(ann: User, action: Action) -> None:
    work = begun(action, ann, "rim1", "rim2", "rim3")
    item_run(item=work.items.get(number=1), action=action, parameters={}, actor=acts(ann), now=NOW)
    bulk_cancel(actor=acts(ann), work=work, now=NOW)
    work_through(work)
    assert results(work) == [("rim1", "done"), ("rim2", "cancelled"), ("rim3", "cancelled")]


def lose_role(user: User) -> None:
    user.groups.clear()


def deactivate(user: User) -> None:
    User.objects.filter(pk=user.pk).update(is_active=False)


def delete(user: User) -> None:
    user.delete()


@pytest.mark.parametrize("lose", [lose_role, deactivate, delete])
def test_a_person_who_lost_the_permission_does_nothing_more(lose: object, ann: User, action: Action) -> None:
    factories.root_admin("bob")
    work = begun(action, ann, "rim1", "rim2")
    lose(ann)  # type: ignore[operator]
    work_through(work)
    assert results(work) == [("rim1", "refused"), ("rim2", "refused")]
    assert "Another person can begin the action again." in work.items.get(number=1).text
    assert not Node.objects.filter(setup_url="done").exists()


def of_token(ann: User, *, role: str = "", scopes: tuple[str, ...] = ("read", "write")) -> Actor:
    factories.token(ann, "nightly", at=timezone.now(), role=role, scopes=list(scopes))
    token = ApiToken.objects.get(name="nightly")
    return Actor("token", str(token), ann, token.limit, token.pk)


def test_work_of_a_token_ends_with_the_token(ann: User, action: Action) -> None:
    actor = of_token(ann)
    preview = bulk_preview(actor=actor, action=action, subjects=nodes("rim1", "rim2"), now=NOW)
    work = bulk_begin(actor=actor, action=action, items=preview.items(), parameters={}, request=preview.rows[0].subject, now=NOW)
    assert (work.token_id, work.actor) == (actor.token, "token nightly")
    ApiToken.objects.update(revoked_at=timezone.now())
    work_through(work)
    assert results(work) == [("rim1", "refused"), ("rim2", "refused")]


def test_work_of_an_unknown_action_waits_for_a_newer_worker(ann: User, action: Action, monkeypatch: pytest.MonkeyPatch) -> None:
    work = begun(action, ann, "rim1")
    monkeypatch.delitem(actions._actions, action.name)
    with pytest.raises(NameUnknown):
        work_through(work)
    assert results(work) == [("rim1", "waiting")]


def test_many_nodes_are_renewed_by_the_service_that_renews_one(ann: User) -> None:
    role_give(ann, Role.DEPLOYMENT_ADMIN)
    renew = actions.action_of_list("nodes.renew")
    chosen = nodes("rim1", "rim2")
    created = factories.node("rim3", at=NOW, state="created").pk
    preview = bulk_preview(actor=acts(ann), action=renew, subjects=[*chosen, created], now=NOW)
    assert [row.label for row in preview.possible] == ["rim1", "rim2"]
    work = bulk_begin(actor=acts(ann), action=renew, items=preview.items(), parameters={}, request=created, now=NOW)
    work_through(work)
    assert Renewal.objects.filter(node__in=chosen, actor="ann").count() == 2
    again = bulk_preview(actor=acts(ann), action=renew, subjects=chosen, now=NOW + timedelta(minutes=1))
    assert [*again.refused] == ["A renewal is already in progress. Wait until it has ended."]
