"""Syslog receivers of the audit log: create, change, delete and test them. Each of this is an event."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction

from audit.actors import Actor
from audit.chain import last_place
from audit.models import Outcome, SyslogReceiver
from audit.record import record
from audit.syslog.messages import framed, sample_message
from audit.syslog.models import PORT
from outbound.connections import authorities_problem
from outbound.errors import OutboundFailed
from outbound.http import HOST
from outbound.streams import deliver
from pki.evidence.events import Place
from web.errors import InputInvalid

LONGEST_NAME, LONGEST_CA, LARGEST_PORT = 100, 50_000, 65535
FIELDS = ("name", "host", "port", "ca", "enabled")


def receiver_create(
    *, actor: Actor, name: str, host: str, port: int = PORT, ca: str = "", enabled: bool = True, from_first: bool = True, now: datetime
) -> SyslogReceiver:
    """Create a receiver. It gets all events of the log, or, without `from_first`, the next ones. Raises: PermissionRefused, InputInvalid."""
    actor.require("audit.add_syslogreceiver")
    given = _checked({"name": name, "host": host, "port": port, "ca": ca, "enabled": enabled})
    with _named_once(), transaction.atomic():
        after = Place() if from_first else last_place()
        receiver = SyslogReceiver.objects.create(**given, sequence=after.sequence, digest=after.digest, created_at=now, changed_at=now)
        detail = {"host": receiver.host, "port": receiver.port, "enabled": receiver.enabled, "after": after.sequence}
        record(actor=actor, action="syslog.created", target=receiver, detail=detail, now=now)
    return receiver


def receiver_change(*, actor: Actor, receiver: SyslogReceiver, now: datetime, **changes: Any) -> SyslogReceiver:
    """Change what is given; the rest stays, also how far the log was sent. The receiver is tried again at once. Raises: PermissionRefused, InputInvalid."""
    actor.require("audit.change_syslogreceiver")
    given = _checked(changes)
    with _named_once(), transaction.atomic():
        held = SyslogReceiver.objects.select_for_update().filter(pk=receiver.pk).first()
        if held is None:
            raise InputInvalid({"name": ["Another person has deleted this receiver. Add it again if you need it."]})
        changed = {name: value for name, value in given.items() if value != getattr(held, name)}
        for name, value in changed.items():
            setattr(held, name, value)
        if changed:
            held.changed_at, held.next_attempt_at = now, None
            held.save(update_fields=[*changed, "changed_at", "next_attempt_at"])
            detail = {name: value for name, value in changed.items() if name != "ca"} | {"fields": sorted(changed)}
            record(actor=actor, action="syslog.changed", target=held, detail=detail, now=now)
    return held


@transaction.atomic
def receiver_delete(*, actor: Actor, receiver: SyslogReceiver, now: datetime) -> None:
    """Delete a receiver, if it still exists. Raises: PermissionRefused."""
    actor.require("audit.delete_syslogreceiver")
    if SyslogReceiver.objects.filter(pk=receiver.pk).delete()[0]:
        detail = {"host": receiver.host, "port": receiver.port, "last": receiver.sequence}
        record(actor=actor, action="syslog.deleted", target=receiver, detail=detail, now=now)


def receiver_test(*, actor: Actor, receiver: SyslogReceiver, now: datetime) -> str:
    """Send a test message now. Returns why it was not taken, and what to do; "" if it was taken. Raises: PermissionRefused."""
    actor.require("audit.change_syslogreceiver")
    problem = ""
    try:
        deliver(receiver.host, receiver.port, framed(sample_message(actor.label, now)), authorities=receiver.ca)
    except OutboundFailed as exc:
        problem = str(exc)
    else:
        SyslogReceiver.objects.filter(pk=receiver.pk).update(next_attempt_at=None)  # what waits is sent at once
    outcome = Outcome.FAILED if problem else Outcome.DONE
    record(actor=actor, action="syslog.tested", target=receiver, detail={"reason": problem[:500]}, outcome=outcome, now=now)
    return problem


@contextmanager
def _named_once() -> Iterator[None]:
    """Raises: InputInvalid for the name of another receiver."""
    try:
        yield
    except IntegrityError as exc:
        raise InputInvalid({"name": ["A receiver with this name already exists. Choose another name."]}) from exc


def _checked(given: Mapping[str, Any]) -> dict[str, Any]:
    """The values as they are stored. Raises: InputInvalid."""
    found = {name: value.strip() if isinstance(value, str) else value for name, value in given.items()}
    errors = {name: [problem] for name, value in found.items() if (problem := _problem(name, value))}
    if errors:
        raise InputInvalid(errors)
    return found


def _problem(name: str, value: Any) -> str:
    if name == "name" and not (1 <= len(value) <= LONGEST_NAME and value.isprintable()):
        return f"A name must have 1 to {LONGEST_NAME} printable characters."
    if name == "host" and not HOST.fullmatch(value):
        return "Enter a host name or an IP address, without a port, such as logs.site.example."
    if name == "port" and not 1 <= value <= LARGEST_PORT:
        return f"Enter a port from 1 to {LARGEST_PORT}. Syslog over TLS uses {PORT}."
    if name == "ca" and value:
        return f"This is longer than {LONGEST_CA} characters." if len(value) > LONGEST_CA else authorities_problem(value)
    return ""
