"""`python -m audit.verify` says what an exported file proves, without the site."""

import json
import subprocess
import sys
import uuid
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.core.management import CommandError, call_command

from audit.verify import main
from pki.evidence.checkpoints import Checkpoint, Gap, Removed, key_id, line_digest, public_key_text, signed
from pki.evidence.events import Place, event_line
from pki.evidence.exported import PROVES_NOTHING, Header, export_lines, selection_line
from tests.pki.test_findings import CHECKPOINTS, WHOLE, ZONE, Events, anew, at, chained, eve, redigested, swapped, without, written

ROOT = Path(__file__).parent.parent.parent
KEY = Ed25519PrivateKey.generate()


def signed_lines(*checkpoints: Checkpoint) -> list[str]:
    """Each names the line before it."""
    lines: list[str] = []
    for number, checkpoint in enumerate(checkpoints, 1):
        lines.append(signed(replace(checkpoint, number=number, previous=line_digest(lines[-1]) if lines else "cd" * 32), KEY))
    return lines


GAP = replace(CHECKPOINTS[6], gap=Gap("restored on Monday", "root", Place(99, "ab" * 32), Place(34, WHOLE[33].digest)))
REMOVED = replace(CHECKPOINTS[6], removed=Removed(5, WHOLE[4].digest, "ef" * 32, "ann"))
LINES = signed_lines(*CHECKPOINTS[4:7])  # of the events 25, 30 and 35
HEADER = Header(ZONE, 22, 35, WHOLE[20].digest, key_id(KEY.public_key()))
EVENTS = WHOLE[21:35]


def exported(*, header: Header = HEADER, lines: list[str] = LINES, events: Events = EVENTS) -> str:
    return "".join(export_lines(header, lines, events))


def verified(
    folder: Path, text: str | bytes, capsys: pytest.CaptureFixture[str], key: str = public_key_text(KEY.public_key())
) -> tuple[int, str]:
    (folder / "key").write_text(key)
    (folder / "export").write_bytes(text.encode() if isinstance(text, str) else text)
    return main([str(folder / "export"), "--public-key", str(folder / "key")]), capsys.readouterr().out


def changed_line(number: int, change: Callable[[str], str]) -> str:
    lines = exported().splitlines(keepends=True)
    lines[number - 1] = change(lines[number - 1])
    return "".join(lines)


FOUND = {
    "edited": (exported(events=at(EVENTS, 27, actor="eve")), "Event 27 was changed"),
    "edited with its digest": (exported(events=redigested(EVENTS, 27, actor="eve")), "Event 27 was changed"),
    "the last one edited with its digest": (exported(events=redigested(EVENTS, 35, actor="eve")), "computed anew from event 31 on"),
    "reordered": (exported(events=swapped(EVENTS, 24, 33)), "Events 24 to 33 were put into another order"),
    "lines reordered": (exported(events=[*EVENTS[:3], EVENTS[4], EVENTS[3], *EVENTS[5:]]), "Events 25 to 26 were put into another order"),
    "removed": (exported(events=without(EVENTS, 27)), "Event 27 was removed"),
    "the first one removed": (exported(events=EVENTS[1:]), "Event 22 was removed"),
    "a line twice": (exported(events=[*EVENTS[:4], *EVENTS[3:]]), "Event 25 was inserted"),
    "one more": (exported(events=[*EVENTS, *chained([written(1)], Place(35, WHOLE[34].digest))]), "Event 36 was inserted"),
    "computed anew": (exported(events=anew(WHOLE, 28, eve)[21:35]), "computed anew from event 26 on"),
    "cut": (exported(events=EVENTS[:-3]), "cut at the end: events 33 to 35 are missing"),
    "emptied": (exported(events=[]), "emptied: events 22 to 35 are missing"),
    "a range with more at its start": (exported(header=replace(HEADER, first=20)), "Events 20 to 21 were removed"),
    "a range from the first event": (exported(header=replace(HEADER, first=1, previous="")), "Events 1 to 21 were removed"),
    "a shorter range": (exported(header=replace(HEADER, last=30)), "The checkpoint of event 30, the last one, is missing"),
    "a longer range": (exported(header=replace(HEADER, last=36)), "The checkpoint of event 36, the last one, is missing"),
    "another start": (exported(header=replace(HEADER, previous="0" * 64)), "Event 22 was changed"),
    "another zone": (exported(header=replace(HEADER, zone=uuid.UUID(int=1))), "Line 2 of this file is a checkpoint of another trust zone"),
    "no checkpoints": (exported(lines=[]), "The checkpoint of event 35, the last one, is missing"),
    "without the last checkpoint": (exported(lines=LINES[:-1]), "The checkpoint of event 35, the last one, is missing"),
    "without a checkpoint": (exported(lines=[LINES[0], LINES[2]]), "Line 3 of this file is not the next checkpoint"),
    "a checkpoint of another key": (exported(lines=[*LINES, signed(CHECKPOINTS[7], Ed25519PrivateKey.generate())]), "Line 5 of this file is not the next"),
    "a line that is no event": (changed_line(8, lambda line: "{}\n"), "Line 8 of this file is not an event"),
    "a blank line": (changed_line(8, lambda line: line + "\n"), "Line 9 of this file is not an event"),
    "a line of another form": (changed_line(8, lambda line: line.replace(":", ": ", 1)), "Line 8 of this file is not an event"),
    "a checkpoint of another form": (changed_line(3, lambda line: line.replace(":", ": ", 1)), "Line 3 of this file is not a checkpoint"),
    "a checkpoint that is a number": (changed_line(3, lambda line: '{"checkpoint":7}\n'), "Line 3 of this file is not a checkpoint"),
    "a download that was not complete": (exported()[:-9], "Line 18 of this file is not an event"),
    "line breaks of Windows": (exported().replace("\n", "\r\n"), "is not an export"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "found"), FOUND.values(), ids=FOUND.keys())
def test_a_changed_file_is_found(text: str, found: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out = verified(tmp_path, text, capsys)
    assert (code, found in out, "complete and unchanged" in out) == (2 if "not an export" in found else 1, True, False), out


UNREADABLE = {
    "empty": ("", "not an export"),
    "another file": ('{"a": 1}\n', "not an export"),
    "a list": ("[]", "not an export"),
    "nested deeply": ("[" * 100_000, "not an export"),
    "a later version": (exported().replace('"version":1', '"version":2'), "not an export"),
    "no UTF-8": (b"\xff\xfe", "UTF-8"),
    "a checkpoint file": (LINES[0], "not an export"),
    "a selection": (f"{selection_line({'actor': 'ann'})}\n{event_line(WHOLE[0])}\n", PROVES_NOTHING),
    "a range below 1": (exported(header=replace(HEADER, first=0)), "not an export"),
    "a range that is no number": (exported().replace('"first":22', '"first":true'), "not an export"),
    "of another key": (exported(header=replace(HEADER, key="x")), "another key"),
}


@pytest.mark.parametrize(("text", "why"), UNREADABLE.values(), ids=UNREADABLE.keys())
def test_another_file_is_no_finding(text: str | bytes, why: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out = verified(tmp_path, text, capsys)
    assert (code, why in out, "Traceback" in out) == (2, True, False), out


def test_a_file_that_is_missing_or_no_key_is_no_finding(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert verified(tmp_path, exported(), capsys, key="x") == (
        2,
        "This is not a public key in PEM. Give the file with the public key of the checkpoints.\n",
    )
    assert main([str(tmp_path / "missing"), "--public-key", str(tmp_path / "key")]) == 2
    assert main([str(tmp_path), "--public-key", str(tmp_path / "missing")]) == 2
    assert "missing cannot be read: No such file or directory." in capsys.readouterr().out


def test_a_good_file_is_proved_without_the_site(tmp_path: Path) -> None:
    """In a process of its own, which has no Django."""
    (tmp_path / "key").write_text(public_key_text(KEY.public_key()))
    (tmp_path / "export").write_text(exported(lines=signed_lines(*CHECKPOINTS[4:6], GAP)))
    code = "import sys; sys.modules['django'] = None; from audit.verify import main; sys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", code, str(tmp_path / "export"), "--public-key", str(tmp_path / "key")]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.splitlines() == [
        "Events 22 to 35 are complete and unchanged.",
        f"Trust zone: {ZONE}",
        f"Signed: 30 Nov 2026, 12:35:53 UTC, checkpoint 3, key {key_id(KEY.public_key())}",
        "Accepted gap: root accepted on 30 Nov 2026, 12:35 UTC that events 35 to 99 of that time are lost. Reason: restored on Monday",
    ]


def test_a_file_names_what_retention_removed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out = verified(tmp_path, exported(lines=signed_lines(*CHECKPOINTS[4:6], REMOVED)), capsys)
    assert (code, "Retention: ann removed the events up to 5" in out, "ef" * 32 in out) == (0, True, True)


def test_each_line_of_a_file_is_json() -> None:
    header, *lines = map(json.loads, exported().splitlines())
    assert (header["format"], header["version"], [*lines[0]], lines[3]["sequence"]) == ("audit-log", 1, ["checkpoint"], 22)
    assert json.loads(selection_line({"actor": "ann"}))["note"] == PROVES_NOTHING


def test_the_command_of_the_site_verifies_files_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "key").write_text(public_key_text(KEY.public_key()))
    (tmp_path / "export").write_text(exported())
    call_command("verify_audit", file=str(tmp_path / "export"), public_key=str(tmp_path / "key"))
    assert capsys.readouterr().out.startswith("Events 22 to 35 are complete and unchanged.")
    (tmp_path / "export").write_text(FOUND["edited"][0])
    with pytest.raises(SystemExit, match="1"):
        call_command("verify_audit", file=str(tmp_path / "export"), public_key=str(tmp_path / "key"))
    with pytest.raises(CommandError, match="Name it with --file"):
        call_command("verify_audit", public_key=str(tmp_path / "key"))
