"""Exports made for tests, as a worker makes them."""

from django.utils import timezone

from audit.actors import SYSTEM
from certs.exports.services import (
    ExportOptions,
    exports_request,
)
from certs.models import Certificate, Export
from jobs.models import Job
from jobs.tasks import run

SECRET = "Correct horse 9!"
PEM = ExportOptions("pem", SECRET)
PEM_FILES = ["client.pem", "client_key.pem", "crl.pem", "root.pem", "server.pem", "server_key.pem"]


def work() -> None:
    """As the worker: until no job is due."""
    while Job.objects.due(timezone.now()).exists():
        run()


def made(*machine_names: str, options: ExportOptions = PEM) -> list[Export]:
    exports = exports_request(actor=SYSTEM, machine_names=machine_names or ["reports.example"], options=options, now=timezone.now())
    work()
    return [Export.objects.get(pk=export.pk) for export in exports]


def held(export: Export) -> dict[str, Certificate]:
    return {
        certificate.kind: certificate
        for certificate in Certificate.objects.filter(holder_id=export.pk, generation=export.generation, status="issued")
    }
