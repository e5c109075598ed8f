"""Exports through the QRS-compatible API."""

from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from audit.models import Event
from certs.models import Export
from qrs.distribution import services
from qrs.distribution.services import exports_await
from qrs.errors import ExportFailed
from tests import factories
from tests.certs.exports.exported import PEM_FILES, made, work
from tests.qrs.calls import central_certificate, on_console, on_node_api, path_of

pytestmark = pytest.mark.django_db
EXPORT = path_of("certificatedistribution/exportcertificates")
SECRET = "Correct horse 9!"


@pytest.fixture
def call(site_directory: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The central node calls. No worker runs, so nothing is waited for."""
    monkeypatch.setattr(services, "WAIT_S", 0.0)
    return on_node_api(central_certificate())


# As the clients send it → what is recorded.
BODIES: dict[str, tuple[dict[str, Any], tuple[Any, ...]]] = {
    "Windows by default": ({"certificatePassword": SECRET}, ("windows", True, False, False)),
    "by name": ({"exportFormat": "Pem", "certificatePassword": SECRET, "includeCa": True}, ("pem", True, False, True)),
    "by number": ({"exportFormat": 1, "includeSecretsKey": True}, ("pem", False, True, False)),
    "another case": ({"exportFormat": "PEM"}, ("pem", False, False, False)),
}


def test_an_export_is_recorded_as_it_was_asked_for(call: Any) -> None:
    for number, (name, (body, expected)) in enumerate(BODIES.items()):
        answer = call("POST", EXPORT, {"machineNames": [f"m{number}.example"]} | body)
        assert (answer.status, "Do not ask again" in answer.text) == (504, True), name
        row = Export.objects.get(machine=f"m{number}.example")
        assert (row.format, row.has_password, row.include_secrets_key, row.include_ca) == expected, name
    assert {event.actor for event in Event.objects.filter(action="export.requested")} == {"node central as INTERNAL\\sa_api"}


def test_the_answer_comes_when_the_files_are_in_the_folder(call: Any) -> None:
    assert call("POST", EXPORT, {"machineNames": ["reports.example"], "exportFormat": "Pem"}).status == 504
    work()
    exports_await([Export.objects.get().pk])
    folder = Path(call("GET", path_of("certificatedistribution/exportcertificatespath")).json)
    assert sorted(path.name for path in (folder / "reports.example").iterdir()) == PEM_FILES


def test_a_machine_that_has_an_export_gets_new_certificates(call: Any) -> None:
    (export,) = made("reports.example")
    assert call("POST", EXPORT, {"machineNames": ["REPORTS.example", "new.example"], "exportFormat": "Pem"}).status == 504
    export.refresh_from_db()
    assert (export.generation, export.status, export.has_password) == (2, "requested", False)
    assert Export.objects.filter(machine="new.example", status="requested").exists()
    answer = call("POST", EXPORT, {"machineNames": ["other.example", "reports.example"], "exportFormat": "Pem"})
    assert (answer.status, "Wait until it is made" in answer.text) == (409, True)
    assert not Export.objects.filter(machine="other.example").exists()


def test_a_failed_export_and_a_folder_with_a_problem_are_said(call: Any) -> None:
    now = timezone.now()
    failed = factories.export("a.example", at=now, status="failed", status_reason="There is no root.")
    troubled = factories.export("b.example", at=now, made_generation=1, folder_problem="The disk is full.")
    for row, says in ((failed, "There is no root."), (troubled, "The disk is full.")):
        with pytest.raises(ExportFailed, match=says):
            exports_await([row.pk])


# A body that is refused → what the refusal says.
BAD: dict[str, tuple[Any, str]] = {
    "no body": (None, "not an object"),
    "no names": ({}, "machineNames is not a list"),
    "an empty list": ({"machineNames": [], "exportFormat": "Pem"}, "at least one"),
    "numbers": ({"machineNames": [7]}, "machineNames is not a list of texts"),
    "another format": ({"machineNames": ["a.example"], "exportFormat": "Jks"}, "exportFormat is one of"),
    "a flag as format": ({"machineNames": ["a.example"], "exportFormat": True}, "exportFormat is one of"),
    "a list as format": ({"machineNames": ["a.example"], "exportFormat": []}, "exportFormat is one of"),
    "a text as flag": ({"machineNames": ["a.example"], "includeCa": "yes"}, "includeCa is not true or false"),
    "a number as password": ({"machineNames": ["a.example"], "certificatePassword": 7}, "certificatePassword is not a text"),
    "unknown": ({"machineNames": ["a.example"], "colour": "red"}, "no field “colour”"),
    "Windows without a password": ({"machineNames": ["a.example"]}, "password"),
    "a path": ({"machineNames": ["../x"], "exportFormat": "Pem"}, "“../x”"),
    "one of two": ({"machineNames": ["a.example", "c_d"], "exportFormat": "Pem"}, "“c_d”"),
}


def test_bad_input_is_refused_and_nothing_is_written(call: Any) -> None:
    for name, (body, says) in BAD.items():
        answer = call("POST", EXPORT, body)
        assert (answer.status, says in answer.text) == (400, True), (name, answer)
    assert not Export.objects.exists()


def test_roles_without_exports_are_refused(call: Any) -> None:
    owner = factories.root_admin("ann")
    factories.role_give(owner, factories.Role.DEPLOYMENT_ADMIN)
    deployment = on_console(factories.token(owner, "script", role="DeploymentAdmin", at=timezone.now()))
    assert deployment("POST", EXPORT, {"machineNames": ["a.example"], "exportFormat": "Pem"}).status == 403
    assert deployment("GET", path_of("certificatedistribution/exportcertificatespath")).status == 403
