"""Create, change and delete channels. Secrets are encrypted with the central key, and no event of the audit log has them."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from itertools import chain
from types import MappingProxyType

from django.db import IntegrityError, transaction

from alerts.channels.kinds import KINDS, fields_checked, kind_named
from alerts.channels.models import Channel
from alerts.errors import InputInvalid
from audit.actors import Actor
from audit.models import Checkpoint, Head
from audit.record import record
from pki.core.errors import SealError
from sealing.errors import TrustZoneError

LONGEST_NAME = 100
CHECKPOINTS = "checkpoints"
STATE_CHANGES = ("nodes", "certificates", "rotations", "exports", CHECKPOINTS)
Values = Mapping[str, str | None]


def channel_values(channel: Channel) -> dict[str, str]:
    """The values of all fields, with the secrets: for sending only. Raises: UnknownKey, Altered, ZoneMissing, ZoneBroken."""
    unset = dict.fromkeys((field.name for field in kind_named(channel.kind).fields), "")
    return {**unset, **channel.values, **(json.loads(channel.secrets.text()) if channel.secrets else {})}


def readable_values(channel: Channel) -> dict[str, str]:
    """As `channel_values`, but secrets that cannot be decrypted are empty, as if they were not set. Then they can be entered again."""
    try:
        return channel_values(channel)
    except (SealError, TrustZoneError):
        return {field.name: "" if field.is_secret else channel.values.get(field.name, "") for field in kind_named(channel.kind).fields}


def generated_secrets(channel: Channel, given: Values, before: Mapping[str, str] = MappingProxyType({})) -> dict[str, str]:
    """The secrets that the console generated because the input had none. `before` has the values before a change."""
    now, fields = channel_values(channel), kind_named(channel.kind).fields
    return {
        field.name: value
        for field in fields
        if field.is_secret and (value := now[field.name]) and value != before.get(field.name) and not given.get(field.name)
    }


def channel_create(
    *, actor: Actor, name: str, kind: str, values: Values, enabled: bool = True, state_changes: Sequence[str] = (), now: datetime
) -> Channel:
    """Create a channel. Raises: PermissionRefused, InputInvalid, ZoneMissing, ZoneBroken, UnknownKey."""
    actor.require("alerts.add_channel")
    if kind not in KINDS:
        raise InputInvalid({"kind": [f"“{kind[:40]}” is not a kind of channel. The kinds are: {', '.join(KINDS)}."]})
    channel = Channel(name=name, kind=kind, enabled=enabled, created_at=now, changed_at=now)
    with _named_once(), transaction.atomic():
        _check_all(
            partial(_name_check, channel),
            partial(_state_changes_set, channel, state_changes),
            partial(_values_set, channel, {field: value or "" for field, value in values.items()}),
        )
        channel.save(force_insert=True)
        detail = {"kind": kind, "enabled": enabled, "state_changes": channel.state_changes}
        record(actor=actor, action="channel.created", target=channel, detail=detail, now=now)
    return channel


def channel_change(
    *,
    actor: Actor,
    channel: Channel,
    name: str | None = None,
    values: Values | None = None,
    enabled: bool | None = None,
    state_changes: Sequence[str] | None = None,
    now: datetime,
) -> Channel:
    """Change what is given; the rest stays. A secret that is "" or missing stays too, and None removes it. The channel is tried again at once.

    Raises: PermissionRefused, InputInvalid, ZoneMissing, ZoneBroken, UnknownKey.
    """
    actor.require("alerts.change_channel")
    with _named_once(), transaction.atomic():
        held = Channel.objects.select_for_update().filter(pk=channel.pk).first()
        if held is None:
            raise InputInvalid({"channel": ["Another person has deleted this channel. Create it again if you need it."]})
        changed: dict[str, list[str]] = {}  # what changed, with its columns
        checks: list[Callable[[], object]] = []
        if name is not None and name != held.name:
            held.name = name
            checks.append(partial(_name_check, held))
            changed["name"] = ["name"]
        if enabled is not None and enabled != held.enabled:
            held.enabled = enabled
            changed["enabled"] = ["enabled"]
        if state_changes is not None and set(state_changes) != set(held.state_changes):
            checks.append(partial(_state_changes_set, held, state_changes))
            changed["state_changes"] = ["state_changes", "last_sequence", "sending_sequence", "last_checkpoint", "sending_checkpoint"]
        if values:
            checks.append(lambda: changed.update({field: ["values", "secrets"] for field in _values_change(held, values)}))
        _check_all(*checks)
        if changed:
            held.changed_at, held.next_attempt_at = now, None
            held.save(update_fields={"changed_at", "next_attempt_at", *chain(*changed.values())})
            record(actor=actor, action="channel.changed", target=held, detail={"fields": list(changed)}, now=now)
    return held


@transaction.atomic
def channel_delete(*, actor: Actor, channel: Channel, now: datetime) -> None:
    """Delete a channel with its secrets, routes and deliveries, if it still exists. Raises: PermissionRefused."""
    actor.require("alerts.delete_channel")
    if Channel.objects.filter(pk=channel.pk).delete()[0]:
        record(actor=actor, action="channel.deleted", target=channel, detail={"kind": channel.kind}, now=now)


@contextmanager
def _named_once() -> Iterator[None]:
    """Another request can take the name after the check. Raises: InputInvalid."""
    try:
        yield
    except IntegrityError as exc:
        raise InputInvalid({"name": ["Another person has just used this name. Choose another name."]}) from exc


def _check_all(*checks: Callable[[], object]) -> None:
    """Make all checks, so that a person gets all errors at once. Raises: InputInvalid."""
    errors: dict[str, list[str]] = {}
    for check in checks:
        try:
            check()
        except InputInvalid as exc:
            errors |= exc.errors
    if errors:
        raise InputInvalid(errors)


def _name_check(channel: Channel) -> None:
    """Raises: InputInvalid."""
    name = channel.name
    if not 1 <= len(name) <= LONGEST_NAME or not name.isprintable() or name != name.strip():
        raise InputInvalid({"name": [f"A name must have 1 to {LONGEST_NAME} printable characters, and no spaces at its start or end."]})
    if Channel.objects.exclude(pk=channel.pk).filter(name__iexact=name).exists():
        raise InputInvalid({"name": ["A channel with this name already exists. Choose another name."]})


def _state_changes_set(channel: Channel, names: Sequence[str]) -> None:
    """When a channel begins to send changes of state, it begins with the next event of the log, or the next checkpoint. Raises: InputInvalid."""
    if unknown := [name for name in names if name not in STATE_CHANGES]:
        raise InputInvalid({"state_changes": [f"“{unknown[0][:40]}” is unknown. Choose from: {', '.join(STATE_CHANGES)}."]})
    if names and not kind_named(channel.kind).sends_state_changes:
        raise InputInvalid({"state_changes": ["Only webhooks can send changes of state. Choose none here, or create a webhook."]})
    if not channel.state_changes:
        channel.last_sequence, channel.sending_sequence = Head.objects.values_list("sequence", flat=True).first() or 0, None
    if CHECKPOINTS not in channel.state_changes:
        last = Checkpoint.objects.order_by("number").values_list("number", flat=True).last()
        channel.last_checkpoint, channel.sending_checkpoint = last or 0, None
    channel.state_changes = [name for name in STATE_CHANGES if name in names]


def _values_set(channel: Channel, values: Mapping[str, str]) -> None:
    """Raises: InputInvalid."""
    kind = kind_named(channel.kind)
    checked = kind.checked(fields_checked(kind, values))
    secrets = {field.name for field in kind.fields if field.is_secret}
    channel.values = {name: value for name, value in checked.items() if name not in secrets}
    channel.secrets = json.dumps({name: value for name, value in checked.items() if name in secrets})


def _values_change(channel: Channel, values: Values) -> list[str]:
    """Set the given values, and return the names of those that changed. Raises: InputInvalid."""
    secrets = {field.name: field for field in kind_named(channel.kind).fields if field.is_secret}
    given = {name: value or "" for name, value in values.items() if value != "" or name not in secrets}
    before = readable_values(channel)
    _values_set(channel, before | given)
    after = channel_values(channel)
    errors = {
        name: ["The place that it is sent to has changed. Enter it again."]
        for name, field in secrets.items()
        if after[name] and name not in given and any(after[other] != before[other] for other in field.sent_to)
    }
    if errors:
        raise InputInvalid(errors)
    # A secret in the input always counts as changed. Otherwise the answer would say whether it equals the stored one.
    return sorted(name for name in after if after[name] != before[name] or (name in secrets and name in given))
