"""Check a table of nodes as a whole, before anything is made, and begin the checks and the registration of its nodes."""

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import QuerySet
from django.db.models.functions import Lower

from audit.actors import Actor
from bulk.actions import Action
from bulk.models import BulkItem, BulkWork
from bulk.services import NewItem, bulk_begin
from bulk.states import ItemState
from certs.models import HolderKind
from certs.names.services import Names, name_conflicts, name_key
from nodes.bulk_registration.bulk import CHECK, REGISTER
from nodes.bulk_registration.table import Line, Table, Wrong
from nodes.inventory.names import name_errors
from nodes.inventory.services import NAME_TAKEN
from nodes.models import Node

AT_ONCE = 500
FIRST = 5


@dataclass(frozen=True)
class Kind:
    """Errors of one kind: of one column, with the same words at their beginning. `first` has a few of them."""

    column: str
    count: int
    first: Sequence[Wrong]


def table_check(table: Table) -> None:
    """Add to `table` what is wrong with its lines together, and with the nodes and exports that exist. A fixed number of queries for each 500 lines."""
    refused = {wrong.line for wrong in table.wrong}
    table.wrong += _repeated(table.lines)
    good = [line for line in table.lines if line.number not in refused]
    for start in range(0, len(good), AT_ONCE):
        table.wrong += _taken(good[start : start + AT_ONCE])
    table.wrong.sort(key=lambda wrong: wrong.line)


def checks_begin(*, actor: Actor, table: Table, request: uuid.UUID, now: datetime) -> BulkWork:
    """Begin the checks before a registration for all lines of a table without errors. Raises: PermissionRefused, InputInvalid."""
    return _begin(CHECK, actor, [NewItem(line.label, payload=line.fields, number=line.number) for line in table.lines], request, now)


def registration_begin(*, actor: Actor, table: Table, request: uuid.UUID, now: datetime) -> BulkWork:
    """Begin the registration of all lines of a table without errors. Lines that a check blocks are refused. Raises: PermissionRefused, InputInvalid."""
    return _begin(REGISTER, actor, [NewItem(line.label, payload=line.fields, number=line.number) for line in table.lines], request, now)


def checked_register(*, actor: Actor, checks: BulkWork, now: datetime) -> BulkWork:
    """Begin the registration of the nodes that `checks` found ready. A second call finds the work of the first. Raises: PermissionRefused, InputInvalid."""
    items = [NewItem(item.label, payload=item.payload, number=item.number) for item in ready_items(checks)]
    return _begin(REGISTER, actor, items, uuid.uuid5(checks.pk, REGISTER.name), now)


def ready_items(checks: BulkWork) -> "QuerySet[BulkItem]":
    """The nodes that the checks found ready."""
    return checks.items.filter(state=ItemState.DONE).order_by("number").defer("sealed_secret")


def _begin(action: Action, actor: Actor, items: Sequence[NewItem], request: uuid.UUID, now: datetime) -> BulkWork:
    actor.require("nodes.add_node")
    return bulk_begin(actor=actor, action=action, items=items, parameters={}, request=request, now=now)


def kinds(wrong: Sequence[Wrong]) -> list[Kind]:
    """The errors by column, in the order of their first lines."""
    by_column: dict[str, list[Wrong]] = {}
    for one in wrong:
        by_column.setdefault(one.column, []).append(one)
    return [Kind(column, len(found), _different(found)) for column, found in by_column.items()]


def _different(found: Sequence[Wrong]) -> list[Wrong]:
    """The first of them with different words, then further ones, a few together."""
    by_words: dict[str, Wrong] = {}
    for one in found:
        by_words.setdefault(one.text, one)
    first = [*by_words.values()][:FIRST]
    return sorted([*first, *[one for one in found if one not in first][: FIRST - len(first)]], key=lambda one: one.line)


def _repeated(lines: Sequence[Line]) -> Iterator[Wrong]:
    """Names that two lines cannot both have: node names, and host names, which no other line may have as a further name either."""
    names: dict[str, int] = {}
    hosts: dict[str, int] = {}
    for line in lines:
        for column, first, key in (("name", names, line.fields["name"].lower()), ("host_name", hosts, name_key(line.fields["host_name"]))):
            if key and first.setdefault(key, line.number) != line.number:
                yield Wrong(line.number, column, f"Line {first[key]} has the same {column.replace('_', ' ')}.")
    for line in lines:
        for further in line.fields.get("subject_alternative_names", ()):
            other = hosts.get(name_key(further), line.number)
            if other != line.number:
                yield Wrong(
                    line.number,
                    "subject_alternative_names",
                    f"“{further[:64]}” is the host name in line {other}. Each could impersonate the other.",
                )


def _taken(lines: Sequence[Line]) -> Iterator[Wrong]:
    """Names that nodes and exports of the site have."""
    names = Node.objects.present().annotate(key=Lower("name")).filter(key__in={line.fields["name"].lower() for line in lines})
    held = {key.lower() for key in names.values_list("key", flat=True)}
    yield from (Wrong(line.number, "name", NAME_TAKEN) for line in lines if line.fields["name"].lower() in held)
    requested = {line.number: names_of(line) for line in lines}
    having: dict[tuple[str, bool], list[int]] = {}
    for number, of_line in requested.items():
        for place in of_line.by_key().items():
            having.setdefault(place, []).append(number)
    for conflict in {(conflict.name, conflict.exclusive): conflict for conflict in name_conflicts([*requested.values()])}.values():
        for column, texts in name_errors([conflict]).items():
            for number in having[name_key(conflict.name), conflict.exclusive]:
                yield from (Wrong(number, column, text) for text in texts)


def names_of(line: Line) -> Names:
    """The names of a node that does not exist yet."""
    further = tuple(line.fields.get("subject_alternative_names", ()))
    return Names(HolderKind.NODE, uuid.uuid4(), exclusive=(line.fields["host_name"],), shared=further)
