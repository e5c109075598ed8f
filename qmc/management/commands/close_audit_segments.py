"""Write old events of the audit log to files, so that a person can decide to remove them."""

import time
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from audit.actors import SYSTEM
from audit.exports.ranges import NotProved
from audit.models import Segment
from audit.retention.files import segment_file
from audit.retention.services import RetentionRefused, segments_close
from audit.retention.states import SegmentStatus
from audit.retention.worker import segment_advance
from jobs.models import Job
from jobs.registry import Retry
from jobs.services import job_again, job_claim
from pki.core.clocks import parsed, stamp
from qmc.management.site import SiteCommand
from sealing.errors import TrustZoneError


class Command(SiteCommand):
    help = (
        "Writes the events that are older than a time to files, and verifies them from there. It removes nothing: a person decides that, by name. "
        "Run it on the central node."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--before", required=True, help="a time with its offset, such as 2026-01-01T00:00:00+00:00")
        parser.add_argument("--data-dir")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            segments = segments_close(actor=SYSTEM, before=parsed(options["before"]), now=timezone.now())
            for segment in segments:
                self._write(segment)
        except ValueError as exc:
            raise CommandError(f"--before: {exc}. Give it as 2026-01-01T00:00:00+00:00.") from exc
        except (RetentionRefused, NotProved, Retry, TrustZoneError) as exc:
            raise CommandError(str(exc)) from exc
        except KeyboardInterrupt as exc:
            raise CommandError("Stopped. Workers continue while the site runs.") from exc

    def _write(self, segment: Segment) -> None:
        """Do the work of a worker, unless a worker is faster."""
        job = Job.objects.get(subject=segment.pk)
        while not Job.objects.get(pk=job.pk).outcome:
            claimed = job_claim(now=timezone.now(), only=job)
            if claimed is None:
                time.sleep(1)
                continue
            try:
                segment_advance(job=claimed)
            except Retry:
                job_again(job=claimed, at=timezone.now())  # for a worker
                raise
        segment.refresh_from_db()
        if segment.status == SegmentStatus.FAILED:
            raise CommandError(segment.problem)
        self.stdout.write(
            f"Events {segment.first} to {segment.last}, up to {stamp(segment.until)}: {segment_file(segment)}, SHA-256 {segment.sha256}"
        )
