"""Multi-cloud deployments: created, changed and deleted here. The console never connects to their addresses."""

import uuid
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from django.db import IntegrityError, transaction

from audit.actors import Actor
from audit.record import record
from certs.models import Deployment
from nodes.errors import InputInvalid

LENGTHS = {"name": 100, "api_address": 500, "audience": 200}
LABELS = {"name": "A name", "api_address": "An API address", "audience": "An audience"}


def _address_problem(address: str) -> str:
    """The problem of the address; "" if there is none."""
    example = "Enter an address such as https://tenant.eu.example.com."
    try:
        parts = urlsplit(address)
        host, port = parts.hostname, parts.port
    except ValueError:
        return f"This is not an address. {example}"
    if parts.scheme != "https":
        return f"An API address must start with https://, because tokens are sent there. {example}"
    if not host or port == 0 or not address.isascii() or any(character in address for character in ' "<>\\^`{|}'):
        return f"This address has no host name, or has an invalid character. {example}"
    if "@" in parts.netloc:
        return "Remove user name and password from the address. Everyone with access to deployments can read it."
    return "Remove the ? or # and everything after it. The address is the start of the API." if "?" in address or "#" in address else ""


def _problem(field: str, value: str) -> str:
    if not 1 <= len(value) <= LENGTHS[field] or not value.isprintable():
        return f"{LABELS[field]} must have 1 to {LENGTHS[field]} printable characters, in one line."
    if value != value.strip():
        return f"{LABELS[field]} cannot start or end with a space. Remove the space."
    return _address_problem(value) if field == "api_address" else ""


def _check(fields: dict[str, str], *, besides: uuid.UUID | None = None) -> None:
    """Raises: InputInvalid."""
    errors = {field: [problem] for field in LENGTHS if (problem := _problem(field, fields[field]))}
    if "name" not in errors and Deployment.objects.exclude(pk=besides or uuid.UUID(int=0)).filter(name__iexact=fields["name"]).exists():
        errors["name"] = ["A deployment with this name already exists. Choose another name."]
    if errors:
        raise InputInvalid(errors)


def _taken() -> InputInvalid:
    return InputInvalid({"name": ["Another person has just used this name. Choose another name."]})


def deployment_create(*, actor: Actor, now: datetime, name: str, api_address: str, audience: str) -> Deployment:
    """Create a deployment. Raises: PermissionRefused, InputInvalid."""
    actor.require("certs.add_deployment")
    fields = {"name": name, "api_address": api_address, "audience": audience}
    _check(fields)
    deployment = Deployment(**fields, created_at=now, changed_at=now)
    try:
        with transaction.atomic():
            deployment.save(force_insert=True)
            record(actor=actor, action="deployment.created", target=deployment, detail=fields, now=now)
    except IntegrityError as exc:
        raise _taken() from exc
    return deployment


def deployment_change(*, actor: Actor, deployment: Deployment, now: datetime, **changes: Any) -> Deployment:
    """Change the fields that are given; the others stay. Raises: PermissionRefused, InputInvalid."""
    actor.require("certs.change_deployment")
    try:
        with transaction.atomic():
            held = Deployment.objects.select_for_update().filter(pk=deployment.pk).first()
            if held is None:
                raise InputInvalid({"deployment": ["Another person has deleted this deployment. Create it again if you need it."]})
            _check({name: getattr(held, name) for name in LENGTHS} | changes, besides=held.pk)
            changed = {name: value for name, value in changes.items() if getattr(held, name) != value}
            if changed:
                for name, value in changed.items():
                    setattr(held, name, value)
                held.changed_at = now
                held.save(update_fields=[*changed, "changed_at"])
                record(actor=actor, action="deployment.changed", target=held, detail=changed, now=now)
    except IntegrityError as exc:
        raise _taken() from exc
    return held


@transaction.atomic
def deployment_delete(*, actor: Actor, deployment: Deployment, now: datetime) -> None:
    """Delete a deployment, if it still exists. Raises: PermissionRefused."""
    actor.require("certs.delete_deployment")
    deleted, _ = Deployment.objects.filter(pk=deployment.pk).delete()
    if deleted:
        record(actor=actor, action="deployment.deleted", target=deployment, detail={"audience": deployment.audience}, now=now)
