"""A site whose log eight processes write while two sign it. Then the log is tampered with in each way, and the real `verify_audit` says which.

Run by test_tampering.py with the environment of an engine. Each case is undone: the database by a rollback, the file from its copy. Prints a
JSON object: case → exit code, what was printed, and the kinds that were found.
"""

import io
import json
import os
import sys
import uuid
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import django

django.setup()

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.core.management.base import CommandError  # noqa: E402
from django.db import connection, transaction  # noqa: E402
from django.utils import timezone  # noqa: E402

from agent.files import InUse  # noqa: E402
from audit.actors import Actor  # noqa: E402
from audit.checkpoints.file import checkpoint_file, public_key_file  # noqa: E402
from audit.checkpoints.services import checkpoint_sign  # noqa: E402
from audit.models import Checkpoint, CheckpointKey, Event, Finding, Head  # noqa: E402
from audit.record import record  # noqa: E402
from certs.models import TrustZone  # noqa: E402
from pki.evidence.checkpoints import Checkpoint as Statement  # noqa: E402
from pki.evidence.checkpoints import line_digest, public_key_text, signed  # noqa: E402
from pki.evidence.events import Place, digest_of  # noqa: E402

WRITERS, EACH, ROUNDS = 8, 5, 5
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def write(events: int, *, later: timedelta = timedelta(0)) -> None:
    zone = TrustZone.objects.get()
    for number in range(events):
        record(
            actor=Actor("user", f"writer {os.getpid()}"), action="test", target=zone, detail={"number": number}, now=timezone.now() + later
        )


def sign_meanwhile() -> None:
    for _ in range(20):
        try:
            checkpoint_sign(now=timezone.now())
        except InUse:
            continue


def at_once(*functions: Callable[[], None]) -> None:
    """Run each function in a process of its own, all at the same time."""
    connection.close()  # each opens its own
    children = []
    for function in functions:
        if not (pid := os.fork()):
            try:
                function()
            except BaseException as exc:  # noqa: BLE001
                sys.stderr.write(f"{exc!r}\n")
                os._exit(1)
            os._exit(0)
        children.append(pid)
    if any(os.waitpid(pid, 0)[1] for pid in children):
        sys.exit("a process failed")


def filled() -> tuple[list[int], int]:
    """The last event of the checkpoint of each round, and the last event of all. Eight events are not signed yet."""
    ends = []
    for number in range(ROUNDS):
        writers = [lambda: write(EACH)] * WRITERS
        at_once(*writers, *([sign_meanwhile] * 2 if number == ROUNDS - 1 else []))
        checkpoint_sign(now=timezone.now() + timedelta(minutes=number))
        ends.append(Checkpoint.objects.signed().last().sequence)  # type: ignore[union-attr]
    at_once(*[lambda: write(1)] * WRITERS)
    return ends, Head.objects.get().sequence


def execute(statement: str, *arguments: object) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, arguments)


def delete_events(condition: str) -> None:
    execute(f"DELETE FROM audit_event WHERE {condition}")


def head_set(place: Place) -> None:
    execute("UPDATE audit_head SET sequence = %s, digest = %s", place.sequence, place.digest)


def place(sequence: int) -> Place:
    return Place(sequence, Event.objects.get(sequence=sequence).digest)


def older(number: int, *, rows: bool = True) -> None:
    """The database as it was after this checkpoint."""
    checkpoint = Checkpoint.objects.get(number=number)
    delete_events(f"sequence > {checkpoint.sequence}")
    head_set(Place(checkpoint.sequence, checkpoint.digest))
    if rows:
        execute("DELETE FROM audit_checkpoint WHERE number > %s", number)


def edit(sequence: int) -> None:
    execute("UPDATE audit_event SET actor = 'eve' WHERE sequence = %s", sequence)


def renumber(first: int, by: int) -> None:
    """Give the events from `first` on other numbers, although a number is unique."""
    execute("UPDATE audit_event SET sequence = sequence + 100000 WHERE sequence >= %s", first)
    execute("UPDATE audit_event SET sequence = sequence - 100000 + %s WHERE sequence >= 100000", by)
    execute("UPDATE audit_head SET sequence = sequence + %s", by)


def insert(sequence: int, *, previous: str) -> Event:
    event = Event(
        id=uuid.uuid4(), sequence=sequence, at=timezone.now(), actor="eve", action="test", target_type="certs.trustzone", target_id=uuid.uuid4(),
        target_label="central.example", detail={}, previous=previous,
    )  # fmt: skip
    event.digest = digest_of(event)
    Event.objects.bulk_create([event])
    return event


def recompute(first: int) -> None:
    """All digests from `first` on, with the head: the chain is whole then."""
    previous = Event.objects.get(sequence=first - 1).digest
    for event in Event.objects.filter(sequence__gte=first).order_by("sequence"):
        event.previous = previous
        previous = event.digest = digest_of(event)
        execute("UPDATE audit_event SET previous = %s, digest = %s WHERE sequence = %s", event.previous, event.digest, event.sequence)
    head_set(place(Head.objects.get().sequence))


def rows_fit() -> None:
    """Write the places of the present log into the table, beside the signed lines."""
    for row in Checkpoint.objects.all():
        execute("UPDATE audit_checkpoint SET digest = %s WHERE number = %s", place(row.sequence).digest, row.number)


def rows_forged() -> None:
    """Rows with lines that fit the present log, signed by a key of their author, who also puts its public key into the database."""
    own, previous = Ed25519PrivateKey.generate(), ""
    execute("UPDATE audit_checkpointkey SET public_key = %s", public_key_text(own.public_key()))
    zone = CheckpointKey.objects.get().zone
    for row in Checkpoint.objects.order_by("number"):
        line = signed(Statement(zone, row.number, row.sequence, place(row.sequence).digest, row.at, previous), own)
        execute("UPDATE audit_checkpoint SET digest = %s, line = %s WHERE number = %s", place(row.sequence).digest, line, row.number)
        previous = line_digest(line)


def file_cut(lines: int) -> None:
    kept = checkpoint_file().read_text().splitlines(keepends=True)[:lines]
    checkpoint_file().write_text("".join(kept))


def line_changed(number: int) -> None:
    lines = checkpoint_file().read_text().splitlines(keepends=True)
    lines[number - 1] = lines[number - 1][:200] + ("A" if lines[number - 1][200] != "A" else "B") + lines[number - 1][201:]
    checkpoint_file().write_text("".join(lines))


def several(*functions: Callable[[], Any]) -> Callable[[], None]:
    def run() -> None:
        for function in functions:
            function()

    return run


def cut(sequence: int, *, with_head: bool = False) -> None:
    end = place(sequence)
    delete_events(f"sequence > {sequence}")
    if with_head:
        head_set(end)


def swap(first: int) -> None:
    execute("UPDATE audit_event SET sequence = 100000 WHERE sequence = %s", first)
    execute("UPDATE audit_event SET sequence = %s WHERE sequence = %s", first, first + 1)
    execute("UPDATE audit_event SET sequence = %s WHERE sequence = 100000", first + 1)


def insert_and_renumber(sequence: int) -> None:
    renumber(sequence, 1)
    insert(sequence, previous=place(sequence - 1).digest)


def remove_and_renumber(sequence: int) -> None:
    delete_events(f"sequence = {sequence}")
    renumber(sequence + 1, -1)


def time_unreadable(sequence: int) -> None:
    """A time that Python does not have, on SQLite none at all."""
    execute("UPDATE audit_event SET at = %s WHERE sequence = %s", "infinity" if connection.vendor == "postgresql" else "never", sequence)


def detail_unreadable(sequence: int) -> None:
    """A number with more digits than Python reads, or that no JSON can have."""
    execute("UPDATE audit_event SET detail = %s WHERE sequence = %s", '{"a": 1e5000}', sequence)


def edit_with_digest(sequence: int) -> None:
    edit(sequence)
    execute("UPDATE audit_event SET digest = %s WHERE sequence = %s", digest_of(Event.objects.get(sequence=sequence)), sequence)


def edit_and_recompute(sequence: int) -> None:
    edit(sequence)
    recompute(sequence)


no_events = partial(delete_events, "1 = 1")
no_head = partial(execute, "DELETE FROM audit_head")
no_rows = partial(execute, "DELETE FROM audit_checkpoint")
no_key = partial(execute, "DELETE FROM audit_checkpointkey")


def of_events(middle: int, last: int) -> dict[str, Callable[[], Any]]:
    return {
        "nothing": lambda: None,
        "cut": partial(cut, middle),
        "cut among what is not signed": partial(cut, last - 3),
        "cut with its head": partial(cut, middle, with_head=True),
        "cut, head and checkpoints deleted": several(partial(cut, middle), no_head, no_rows),
        "emptied": no_events,
        "emptied, head and checkpoints deleted": several(no_events, no_head, no_rows),
        "edited": partial(edit, middle),
        "edited among what is not signed": partial(edit, last - 3),
        "time unreadable": partial(time_unreadable, middle),
        "detail unreadable": partial(detail_unreadable, middle),
        "detail unreadable among what is not signed": partial(detail_unreadable, last - 3),
        "edited with its own digest": partial(edit_with_digest, middle),
        "reordered": partial(swap, middle),
        "inserted": partial(insert_and_renumber, middle),
        "extended": lambda: insert(last + 1, previous=place(last).digest),
        "removed": partial(delete_events, f"sequence = {middle}"),
        "removed and renumbered": partial(remove_and_renumber, middle),
    }


def of_checkpoints(middle: int, older_number: int, last: int) -> dict[str, Callable[[], Any]]:
    anew, restored = partial(edit_and_recompute, middle), partial(older, older_number)
    return {
        "recomputed": anew,
        "recomputed, table rewritten to fit": several(anew, rows_fit),
        "recomputed, table and key rewritten to fit": several(anew, rows_forged),
        "recomputed, checkpoints deleted": several(anew, no_rows),
        "recomputed, key and checkpoints deleted": several(anew, no_rows, no_key),
        "older database": restored,
        "older database that went on": several(restored, partial(write, 8, later=HOUR)),
        "older database that went on beyond the newer one": several(restored, partial(write, last, later=HOUR)),
        "older database without checkpoints": several(restored, no_rows, no_key),
        "file lost": lambda: checkpoint_file().unlink(),
        "file emptied": partial(file_cut, 0),
        "file older than the database": partial(file_cut, 2),
        "line of the file changed": partial(line_changed, 2),
        "table deleted": no_rows,
        "row deleted": partial(execute, "DELETE FROM audit_checkpoint WHERE number = 2"),
        "key deleted": no_key,
        "key, checkpoints and file deleted": several(no_rows, no_key, lambda: checkpoint_file().unlink()),
    }


def of_gaps(middle: int, older_number: int) -> dict[str, Callable[[], Any]]:
    restored = partial(older, older_number)
    return {
        "clock set back": several(partial(write, 1, later=-3 * DAY), lambda: checkpoint_sign(now=timezone.now() - 3 * DAY)),
        "nothing to accept": accept,
        "older database, accepted": several(restored, accept),
        "older database, accepted, then cut": several(restored, accept, partial(write, 5), sign, cut_last_three),
        "recomputed, accepted": several(partial(edit_and_recompute, middle), accept),
        "time unreadable, accepted": several(partial(time_unreadable, middle), accept),
        "edited, accepted": several(partial(edit, middle), accept),
        "file lost, accepted": several(lambda: checkpoint_file().unlink(), accept),
        "emptied with head and checkpoints, accepted": several(no_events, no_head, no_rows, accept),
        "key deleted, accepted": several(no_key, accept),
        "key deleted, files moved, accepted": several(no_key, files_moved, accept),
    }


def sign() -> None:
    checkpoint_sign(now=timezone.now())


def cut_last_three() -> None:
    cut(Head.objects.get().sequence - 3, with_head=True)


def files_moved() -> None:
    for path in (checkpoint_file(), public_key_file()):
        path.unlink()


def accept() -> None:
    call_command("accept_audit_gap", reason="Tried on purpose.", stdout=io.StringIO())


def verified() -> dict[str, Any]:
    said = io.StringIO()
    try:
        call_command("verify_audit", stdout=said)
        code = 0
    except CommandError as exc:
        said.write(str(exc))
        code = exc.returncode
    found = [[one.kind, one.first, one.last, bool(one.since and one.until)] for one in Finding.objects.filter(look="whole")]
    return {"code": code, "text": said.getvalue(), "found": found}


def main() -> None:
    ends, last = filled()
    kept, results = {path: path.read_bytes() for path in (checkpoint_file(), public_key_file())}, {}
    older_number = Checkpoint.objects.get(sequence=ends[1]).number
    middle = ends[1] + 7
    for name, tamper in (of_events(middle, last) | of_checkpoints(middle, older_number, last) | of_gaps(middle, older_number)).items():
        with transaction.atomic():
            try:
                tamper()
                results[name] = verified()
            except CommandError as exc:
                results[name] = {"code": exc.returncode, "text": str(exc), "found": []}
            transaction.set_rollback(True)
        for path, content in kept.items():
            path.write_bytes(content)
    results["facts"] = {"middle": middle, "older": ends[1] + 1, "signed": ends[-1], "last": last, "checkpoints": Checkpoint.objects.count()}
    sys.stdout.write(json.dumps(results))


if __name__ == "__main__":
    main()
