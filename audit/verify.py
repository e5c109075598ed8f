"""Verify a file of the audit log without the site: `python -m audit.verify FILE --public-key KEY`.

Exit code 0: the events are as they were signed. 1: there is a finding. 2: a file cannot be read, the file is not an export of a range, or another key signed its checkpoints.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from pki.core import clocks
from pki.core.errors import ExportMalformed, PKIError
from pki.evidence.checkpoints import public_key_from
from pki.evidence.exported import VerifiedFile, lines_of, verified

GOOD, FOUND, UNREADABLE = 0, 1, 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the result in words. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m audit.verify", description="Verify an exported range of the audit log.")
    parser.add_argument("file", type=Path, metavar="FILE", help="the exported file")
    parser.add_argument(
        "--public-key", type=Path, required=True, metavar="KEY", help="the public key of the checkpoints, from the page of the audit log"
    )
    given = parser.parse_args(arguments)
    try:
        public_key = public_key_from(given.public_key.read_text())
        with given.file.open(newline="\n", encoding="utf-8") as file:
            result = verified(lines_of(file), public_key)
    except ExportMalformed as exc:
        _print(str(exc))
        return FOUND if exc.line != 1 else UNREADABLE
    except OSError as exc:
        _print(f"{exc.filename} cannot be read: {exc.strerror}.")
        return UNREADABLE
    except UnicodeDecodeError:
        _print("This file is not a text in UTF-8, so it is neither an export nor a public key.")
        return UNREADABLE
    except PKIError as exc:
        _print(str(exc))
        return UNREADABLE
    for line in _sentences(result):
        _print(line)
    return FOUND if result.findings else GOOD


def _print(line: str) -> None:
    sys.stdout.write(f"{line}\n")


def _sentences(result: VerifiedFile) -> Iterator[str]:
    header, end = result.header, result.checkpoints[-1]
    yield from (finding.text for finding in result.findings)
    if not result.findings:
        yield f"Events {header.first} to {header.last} are complete and unchanged."
    yield f"Trust zone: {header.zone}"
    yield f"Signed: {clocks.exact(end.at)}, checkpoint {end.number}, key {header.key}"
    yield from (checkpoint.text for checkpoint in result.checkpoints if checkpoint.text)


if __name__ == "__main__":
    sys.exit(main())
