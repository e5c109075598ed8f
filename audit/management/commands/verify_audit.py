"""Verify that the audit log is complete and unchanged."""

import sys
from collections.abc import Iterator
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from audit.checkpoints.file import checkpoint_file, public_key_file
from audit.checkpoints.key import zone_here
from audit.checkpoints.look import VerifiedLog, log_look
from audit.models import CheckpointKey
from audit.verify import main as file_verify
from pki.core.clocks import stamp
from pki.core.errors import PKIError
from pki.evidence.checkpoints import Checkpoint
from sealing.errors import TrustZoneError


class Command(BaseCommand):
    help = "Verifies the audit log with its checkpoints: it reads every event, the file and the table, and names what was changed. Run it on the central node."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--file", metavar="FILE", help="verify this exported file instead, as `python -m audit.verify` does")
        parser.add_argument("--public-key", metavar="KEY", help="the public key of its checkpoints. Without it: that of this site")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["file"]:
            if code := file_verify([options["file"], "--public-key", options["public_key"] or str(public_key_file())]):
                sys.exit(code)
            return
        if options["public_key"]:
            raise CommandError("--public-key is for an exported file. Name it with --file.")
        try:
            if CheckpointKey.objects.exists() and not checkpoint_file().exists() and zone_here() is None:
                raise CommandError("The checkpoints are in a file on the central node. Run this there.")
            verified = log_look(self._progress, now=timezone.now())
        except OSError as exc:
            raise CommandError(f"{exc.filename} cannot be read: {exc.strerror}. Run this with the account of the workers.") from exc
        except (TrustZoneError, PKIError) as exc:
            raise CommandError(str(exc)) from exc
        self.stdout.write("\n".join(_lines(verified)))
        if verified.findings:
            raise CommandError("\n".join(found.text for found in verified.findings))
        self.stdout.write("The audit log is whole.")

    def _progress(self, verified: int) -> None:
        if self.stdout.isatty():
            self.stdout.write(f"{verified} events verified", ending="\r")
            self.stdout.flush()


def _lines(verified: VerifiedLog) -> Iterator[str]:
    if not verified.stopped:
        yield f"{verified.events} events"
    if verified.first and verified.last:
        yield f"First checkpoint: {_words(verified.first)}. A change before this time is found only if it broke the chain of digests."
        yield f"Last checkpoint:  {_words(verified.last)}"
    else:
        yield "There is no checkpoint yet. A worker signs the first one."
    yield from (checkpoint.text for checkpoint in verified.decided)


def _words(checkpoint: Checkpoint) -> str:
    return f"number {checkpoint.number} of {stamp(checkpoint.at)}, event {checkpoint.sequence}"
