"""Export certificates for machines, and wait until their files are there, as the original does."""

import threading
import time
import uuid
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models.functions import Lower

from audit.actors import Actor
from certs.exports.services import ExportOptions, export_renew, exports_request
from certs.models import Export
from certs.states import ExportStatus
from pki.foreign.export import Format
from qrs.endpoints.types import Enumeration
from qrs.errors import ExportFailed, StillRunning
from web.errors import InputInvalid

FORMATS = Enumeration("ExportFormatEnum", {"Windows": 0, "Pem": 1}, ("CertificateDistribution.ExportFormat",))
KINDS = {0: Format.WINDOWS, 1: Format.PEM}
TYPES = {"certificatePassword": str, "includeSecretsKey": bool, "includeCa": bool}
KNOWN = ("machineNames", "exportFormat", *TYPES)
WAIT_S, LOOK_S, MOST_WAITING = 30.0, 0.2, 4
GO_ON = "The exports are recorded, and workers make them. Do not ask again: see the page Exports of the console, or wait for the folder."
_waiting = threading.BoundedSemaphore(MOST_WAITING)  # each request that waits occupies a thread of the process


def certificates_export(*, actor: Actor, body: Any, now: datetime) -> list[uuid.UUID]:
    """Request an export for each machine, all or none. A machine that has one gets new keys and certificates, as in the original.

    Returns the exports. Raises: PermissionRefused, InputInvalid, IllegalTransition, StaleExport.
    """
    names, options = _read(body)
    with transaction.atomic():
        held = Export.objects.in_use().defer("archive", "sealed_password").annotate(lower=Lower("machine"))
        renewed = list(held.filter(lower__in=[name.lower() for name in names]))
        for export in renewed:
            export_renew(actor=actor, export=export, options=options, now=now)
        known = {export.machine.lower() for export in renewed}
        new = [name for name in names if name.lower() not in known]
        made = exports_request(actor=actor, machine_names=new, options=options, now=now) if new or not names else []
    return [export.pk for export in (*renewed, *made)]


def exports_await(ids: Collection[uuid.UUID]) -> None:
    """Wait until workers have made these exports and written their folders. Raises: ExportFailed, StillRunning."""
    if not _waiting.acquire(blocking=False):
        raise StillRunning(GO_ON)
    try:
        deadline = time.monotonic() + WAIT_S
        while not _made(ids):
            if time.monotonic() >= deadline:
                raise StillRunning(GO_ON)
            time.sleep(LOOK_S)
    finally:
        _waiting.release()


def _made(ids: Collection[uuid.UUID]) -> bool:
    """Whether all are made. A folder that could not be written has a problem. Raises: ExportFailed."""
    columns = ("machine", "status", "status_reason", "made_generation", "folder_generation", "folder_problem")
    rows = list(Export.objects.filter(pk__in=ids).only(*columns))
    if failed := [row for row in rows if row.status in (ExportStatus.FAILED, ExportStatus.REVOKED)]:
        raise ExportFailed(" ".join(f"The export for {row.machine} is {row.status}: {row.status_reason}" for row in failed[:10]))
    if any(row.status == ExportStatus.REQUESTED for row in rows):
        return False
    if troubled := [row for row in rows if row.folder_problem]:
        raise ExportFailed(" ".join(f"The export for {row.machine} is made. {row.folder_problem}" for row in troubled[:10]))
    return all(row.folder_generation == row.made_generation for row in rows)


def _read(body: Any) -> tuple[list[str], ExportOptions]:
    """The machine names and the options. A field that is left out is false or empty, and the format is Windows. Raises: InputInvalid."""
    if not isinstance(body, dict):
        raise InputInvalid({"": ["The body is not an object with fields."]})
    if unknown := [name for name in body if name not in KNOWN]:
        raise InputInvalid({unknown[0]: [f"There is no field “{unknown[0][:60]}”. The fields are: {', '.join(KNOWN)}."]})
    for name, kind in TYPES.items():
        if name in body and type(body[name]) is not kind:
            raise InputInvalid({name: [f"The value of {name} is not {'a text' if kind is str else 'true or false'}."]})
    names = body.get("machineNames")
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise InputInvalid({"machineNames": ["The value of machineNames is not a list of texts."]})
    options = ExportOptions(
        format=_format(body), password=body.get("certificatePassword", ""), include_secrets_key=body.get("includeSecretsKey", False),
        include_ca=body.get("includeCa", False), clear_on_purpose=True,
    )  # fmt: skip
    return names, options


def _format(body: Mapping[str, Any]) -> Format:
    """The format, by its name in any case or by its number."""
    given = body.get("exportFormat", "Windows")
    named = {name.lower(): number for name, number in FORMATS.values.items()}
    number = named.get(given.lower()) if isinstance(given, str) else given
    if type(number) is not int or number not in KINDS:
        raise InputInvalid({"exportFormat": [f"exportFormat is one of: {', '.join(FORMATS.json()['values'])}."]})
    return KINDS[number]
