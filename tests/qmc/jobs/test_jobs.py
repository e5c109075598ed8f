"""Jobs on pages and in the API: who sees which, cancel and retry through the services of their subjects, and the log."""

import uuid
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.utils import timezone

from audit.actors import Actor
from audit.models import Event
from certs.exports.services import TASK as EXPORT
from jobs.models import Job, JobStep
from jobs.registry import handler_names, is_kept, job_kinds
from jobs.services import job_create, job_step, jobs_delete_old
from nodes.jobs import REGISTRATION, RENEWAL
from nodes.models import Node, Registration, Renewal
from nodes.states import NodeState, RenewalStatus
from people.roles.groups import role_give
from people.roles.registry import Role
from qmc.jobs.services import jobs_visible
from tests import factories

pytestmark = pytest.mark.django_db
PATH = "/api/v1/jobs/"


@pytest.fixture
def client(site_directory: Path) -> Client:
    return factories.administrator()


def signed_in(role: Role, name: str = "eve") -> Client:
    user, client = User.objects.create_user(f"{name}-{role}"), Client()
    role_give(user, role)
    client.force_login(user)
    return client


def registration(state: NodeState = NodeState.AWAITING_PASSWORD, name: str = "rim1") -> Job:
    now = timezone.now()
    node = factories.node(name, at=now, state=state, generation=2, registered_at=None)
    Registration.objects.create(
        node=node,
        generation=2,
        actor="ann",
        created_at=now,
        expires_at=now + timedelta(hours=1),
        sealed_password="typed once",
        package=b"sealed",
    )
    return job_create(task=REGISTRATION, subject=node.pk, title=f"Registration of {node}", actor="ann", now=now)


def renewal(status: RenewalStatus = RenewalStatus.OFFERED, name: str = "rim2") -> Job:
    now = timezone.now()
    node = factories.node(name, at=now, generation=3)
    row = Renewal.objects.create(node=node, generation=3, actor="ann", created_at=now, status=status, package=b"sealed")
    return job_create(task=RENEWAL, subject=row.pk, title=f"Renewal of {node}", actor="ann", now=now)


def finished(job: Job, outcome: str = "failed") -> Job:
    Job.objects.filter(pk=job.pk).update(outcome=outcome, finished_at=timezone.now(), error="It failed. Fix it.", claims=1)
    job.refresh_from_db()
    return job


def test_every_kind_of_work_is_shown_or_not_kept() -> None:
    assert {name: name in job_kinds() for name in handler_names()} == {name: is_kept(name) for name in handler_names()}


def test_a_job_is_listed_with_its_subject_and_state(client: Client) -> None:
    first, second = registration(), finished(renewal())
    Job.objects.filter(pk=first.pk).update(claims=1, progress="encrypting", done=3, total=9)
    rows = {row["id"]: row for row in client.get(PATH).json()["results"]}
    assert {key: (row["state"], row["kind"], row["subject_name"], row["done"], row["error"]) for key, row in rows.items()} == {
        str(first.pk): ("running", "registration", "rim1", 3, ""),
        str(second.pk): ("failed", "renewal", "rim2", None, "It failed. Fix it."),
    }
    assert rows[str(second.pk)]["subject_path"] == f"/nodes/{Node.objects.get(name='rim2').pk}/"
    page = client.get("/jobs/").content.decode()
    assert "Registration of rim1" in page
    assert 'max="9" value="3"' in page


STATES = {
    "unfinished": {"rim1", "rim2"},
    "waiting": {"rim1"},
    "running": {"rim2"},
    "failed": {"rim3"},
    "cancelled": {"rim4"},
    "done": set(),
}


@pytest.mark.parametrize(("state", "names"), STATES.items(), ids=STATES)
def test_jobs_are_filtered_by_state(client: Client, state: str, names: set[str]) -> None:
    registration(name="rim1")
    Job.objects.filter(pk=registration(name="rim2").pk).update(claims=1)
    finished(renewal(name="rim3"))
    finished(renewal(name="rim4"), "cancelled")
    assert {row["subject_name"] for row in client.get(f"{PATH}?state={state}").json()["results"]} == names


def test_jobs_are_found_by_kind_and_text(client: Client) -> None:
    registration()
    renewal()
    assert [row["subject_name"] for row in client.get(f"{PATH}?kind=renewal").json()["results"]] == ["rim2"]
    assert [row["subject_name"] for row in client.get(f"{PATH}?search=registration+of").json()["results"]] == ["rim1"]
    assert client.get(f"{PATH}?kind=nothing").status_code == 400


def test_a_person_sees_the_jobs_of_what_they_may_see(client: Client) -> None:
    now = timezone.now()
    registration()
    export = job_create(task=EXPORT, subject=factories.export(at=now).pk, title="Export for a.example", actor="ann", now=now)
    hidden = job_create(task="audit.syslog", subject=uuid.uuid4(), title="Events for archive", actor="system", now=now)
    viewer = signed_in(Role.VIEWER)
    assert [row["title"] for row in viewer.get(PATH).json()["results"]] == ["Registration of rim1"]
    assert viewer.get(f"{PATH}{export.pk}/").status_code == 404
    assert viewer.get(f"/jobs/{export.pk}/").status_code == 404
    assert len(client.get(PATH).json()["results"]) == 2
    assert client.get(f"{PATH}{hidden.pk}/").status_code == 404
    assert 'side-count-calm">2' in client.get("/jobs/").content.decode()


def test_the_menu_has_no_number_where_nothing_waits(client: Client) -> None:
    assert "side-count" not in client.get("/jobs/", secure=True).content.decode()


def test_reasons_are_for_those_who_may_read_them(client: Client) -> None:
    job = finished(registration())
    job_step(job=job, progress="x", now=timezone.now())
    row = signed_in(Role.VIEWER).get(f"{PATH}{job.pk}/").json()
    assert (row["error"], row["progress"], row["state"]) == (None, None, "failed")
    assert b"Fix it" not in signed_in(Role.VIEWER, "mia").get("/jobs/").content
    assert client.get(f"{PATH}{job.pk}/").json()["error"] == "It failed. Fix it."


def test_the_log_has_a_line_for_each_step(client: Client) -> None:
    job, now = registration(), timezone.now()
    for text in ("making keys", "making keys", "sending", "making keys"):
        assert job_step(job=job, progress=text, now=now)
    assert [step["text"] for step in client.get(f"{PATH}{job.pk}/").json()["steps"]] == ["making keys", "sending", "making keys"]
    assert "sending" in client.get(f"/jobs/{job.pk}/").content.decode()


def cancel(client: Client, job: Job) -> Any:
    return client.post(f"{PATH}{job.pk}/cancel/", content_type="application/json")


@pytest.mark.parametrize("state", [NodeState.ISSUING, NodeState.DISTRIBUTING, NodeState.AWAITING_PASSWORD])
def test_a_canceled_registration_fails_and_its_password_is_wiped(client: Client, state: NodeState) -> None:
    job = registration(state)
    answer = cancel(client, job)
    assert (answer.status_code, answer.json()["state"], answer.json()["error"]) == (200, "cancelled", "Canceled by ann.")
    node, row = Node.objects.get(pk=job.subject), Registration.objects.get()
    assert (node.state, node.state_reason) == ("failed", "Canceled by ann. Press Redistribute for a new password.")
    assert (row.sealed_password, row.package) == (None, None)
    by = dict(Event.objects.filter(actor="ann").values_list("action", "target_id"))
    assert (by["node.transition"], by["job.canceled"]) == (node.pk, job.pk)
    assert cancel(client, job).status_code == 409


@pytest.mark.parametrize("status", [RenewalStatus.REQUESTED, RenewalStatus.OFFERED])
def test_a_canceled_renewal_ends_and_the_node_stays_registered(client: Client, status: RenewalStatus) -> None:
    job = renewal(status)
    assert cancel(client, job).json()["state"] == "cancelled"
    row = Renewal.objects.get()
    assert (row.status, row.reason, row.package, row.node.state) == ("failed", "Canceled by ann.", None, "registered")


def test_a_new_export_is_canceled_and_one_with_certificates_is_not(client: Client) -> None:
    now = timezone.now()
    new, renewed = (factories.export(f"{name}.example", at=now, status="requested") for name in ("new", "renewed"))
    factories.certificate("client", holder_id=renewed.pk, at=now)
    jobs = [
        job_create(task=EXPORT, subject=export.pk, title=f"Export for {export.machine}", actor="ann", now=now) for export in (new, renewed)
    ]
    assert [client.get(f"{PATH}{job.pk}/", secure=True).json()["cancelable"] for job in jobs] == [True, False]
    assert [cancel(client, job).status_code for job in jobs] == [200, 409]
    new.refresh_from_db()
    renewed.refresh_from_db()
    assert (new.status, renewed.status) == ("revoked", "requested")
    assert Job.objects.unfinished().filter(subject=new.pk).count() == 1, "a worker deletes its folder"


@pytest.mark.parametrize("kind", ["root", "database-key"])
def test_a_rotation_names_what_its_page_can_do_instead(client: Client, kind: str) -> None:
    job = job_create(task=f"{kind}-rotation", subject=uuid.uuid4(), title="Rotation", actor="ann", now=timezone.now())
    answer = cancel(client, job)
    assert (answer.status_code, "Its page can pause it" in answer.json()["detail"]) == (409, True)
    assert "Its page can pause it" in client.get(f"/jobs/{job.pk}/").content.decode()


def test_what_cannot_be_canceled_any_more_says_so_and_goes_on(client: Client) -> None:
    jobs = [registration(NodeState.VERIFYING), renewal(RenewalStatus.PROVING)]
    for job in jobs:
        answer = cancel(client, job)
        assert (answer.status_code, answer.json()["type"].rpartition(":")[2]) == (409, "not-now")
        assert "any more" in answer.json()["detail"]
        page = client.post(f"/jobs/{job.pk}/cancel/")
        assert (page.status_code, "Nothing was changed." in page.content.decode()) == (409, True)
    assert Job.objects.unfinished().count() == 2
    assert [Node.objects.get(name="rim1").state, Renewal.objects.get().status] == ["verifying", "proving"]


def test_a_worker_that_still_holds_a_canceled_job_changes_nothing(client: Client) -> None:
    job = registration()
    Job.objects.filter(pk=job.pk).update(claims=1, lease_until=timezone.now() + timedelta(seconds=30))
    job.refresh_from_db()
    cancel(client, job)
    assert not job_step(job=job, progress="sending", now=timezone.now())
    assert Job.objects.get().outcome == "cancelled"


def test_canceling_needs_the_permission_of_the_work(client: Client) -> None:
    job = registration()
    for role in (Role.VIEWER, Role.SECURITY_ADMIN, Role.AUDIT_ADMIN):
        other = signed_in(role)
        assert cancel(other, job).status_code == 403
        assert other.get(f"/jobs/{job.pk}/cancel/").url == f"/jobs/{job.pk}/"
        assert f"/jobs/{job.pk}/cancel/" not in other.get(f"/jobs/{job.pk}/").content.decode()
    allowed = signed_in(Role.DEPLOYMENT_ADMIN)
    assert allowed.get(f"/jobs/{job.pk}/cancel/").status_code == 200
    assert allowed.post(f"/jobs/{job.pk}/cancel/").url == f"/jobs/{job.pk}/"
    assert Job.objects.get().outcome == "cancelled"


def test_canceling_work_on_many_rows_is_offered_to_those_who_may_do_its_action(client: Client) -> None:
    now = timezone.now()
    work = factories.bulk_work(at=now)
    job = job_create(task="bulk", subject=work.pk, title="Renew 2 nodes", actor="ann", now=now)
    offered = {role: signed_in(role).get(f"{PATH}{job.pk}/", secure=True).json().get("cancelable") for role in Role}
    assert {role for role in Role if offered[role]} == {Role.ROOT_ADMIN, Role.SECURITY_ADMIN, Role.DEPLOYMENT_ADMIN}


def test_a_failed_renewal_is_tried_again_as_a_new_job(client: Client) -> None:
    job = finished(renewal(RenewalStatus.FAILED))
    answer = client.post(f"{PATH}{job.pk}/retry/", content_type="application/json")
    again = Job.objects.unfinished().get()
    assert (answer.status_code, answer.json()["id"], answer.json()["state"]) == (202, str(again.pk), "waiting")
    assert Renewal.objects.get(pk=again.subject).status == RenewalStatus.REQUESTED
    assert Event.objects.get(action="job.retried").detail["job"] == str(again.pk)
    twice = client.post(f"{PATH}{job.pk}/retry/", content_type="application/json")
    assert (twice.status_code, "already in progress" in twice.json()["detail"]) == (409, True)


def test_work_that_needs_an_input_names_the_way_to_do_it_again(client: Client) -> None:
    job = finished(registration(NodeState.FAILED))
    answer = client.post(f"{PATH}{job.pk}/retry/", content_type="application/json")
    assert (answer.status_code, "/nodes/{id}/register/" in answer.json()["detail"]) == (409, True)
    assert f"/nodes/{job.subject}/redistribute/" in client.get(f"/jobs/{job.pk}/").content.decode()


def test_a_job_whose_subject_or_kind_is_gone_is_still_shown(client: Client) -> None:
    now = timezone.now()
    for task in (RENEWAL, "of a newer version"):
        job = finished(job_create(task=task, subject=uuid.uuid4(), title="<b>gone</b>", actor="ann", now=now))
        page = client.get(f"/jobs/{job.pk}/")
        assert (page.status_code, b"<b>gone" in page.content) == (200, False)
    assert client.get("/jobs/").status_code == 200


def plan(rows: Any) -> str:
    sql, parameters = rows.query.sql_with_params()
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN QUERY PLAN {sql}", parameters)
        return " ".join(row[3] for row in cursor.fetchall())


def test_a_job_whose_subject_is_gone_is_neither_canceled_nor_tried_again(client: Client) -> None:
    failed, waiting = finished(renewal()), renewal(name="rim3")
    Renewal.objects.all().delete()
    for job, action in ((failed, "retry"), (waiting, "cancel")):
        assert client.post(f"{PATH}{job.pk}/{action}/", content_type="application/json").status_code == 409
        page = client.post(f"/jobs/{job.pk}/{action}/")
        assert (page.status_code, "What this job worked on was deleted" in page.content.decode()) == (409, True)


@pytest.mark.skipif("connection.vendor != 'sqlite'")
def test_no_list_of_jobs_sorts_or_reads_them_all(client: Client) -> None:
    actor = Actor("user", "ann", User.objects.get(username="ann"))
    newest = jobs_visible(actor).order_by("-created_at", "-pk")
    for rows in (newest[:51], newest.finished("failed")[:51], newest.filter(task=RENEWAL)[:51]):
        assert "INDEX jobs_by_" in plan(rows), plan(rows)
        assert "TEMP B-TREE FOR ORDER BY" not in plan(rows), plan(rows)
    for rows in (newest.unfinished()[:51], newest.running()[:51], jobs_visible(actor).unfinished()[:100]):
        assert "unfinished_" in plan(rows), plan(rows)


def test_steps_are_deleted_with_their_job(client: Client) -> None:
    job, long_ago = registration(), datetime(2026, 1, 1, tzinfo=timezone.get_current_timezone())
    job_step(job=job, progress="making keys", now=long_ago)
    Job.objects.update(outcome="done", finished_at=long_ago)
    assert jobs_delete_old(now=timezone.now()) >= 1
    assert JobStep.objects.count() == 0
