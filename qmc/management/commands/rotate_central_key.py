"""A new central key, and all values of the central node encrypted with it."""

import time
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from audit.actors import SYSTEM
from certs.central_key.services import central_key_prepare, central_key_rotate, resealing_advance, resealing_progress
from certs.models import CentralKey
from jobs.models import Job
from jobs.services import job_claim
from qmc.management.site import SiteCommand
from sealing.errors import TrustZoneError


class Command(SiteCommand):
    help = (
        "Makes a new central key and encrypts all values of the central node with it. The site can be running or stopped. You can stop the command: "
        "workers continue, or run the command again."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--prepare", action="store_true",
            help="only write the new key into the file. Copy the file to the other machines of the site before the key is used",
        )  # fmt: skip
        parser.add_argument("--data-dir")

    def handle(self, *args: Any, **options: Any) -> None:
        file, now = settings.CENTRAL_KEY_FILE, timezone.now()
        try:
            if options["prepare"]:
                key_id = central_key_prepare(actor=SYSTEM, now=now)
                self.stdout.write(f"The key {key_id} is in {file}. Nothing is encrypted with it yet.")
                self.stdout.write(
                    "Copy that file to the other machines that run a console, a node API or workers, then run rotate_central_key."
                )
                return
            job = central_key_rotate(actor=SYSTEM, now=now)
        except (TrustZoneError, OSError) as exc:
            raise CommandError(str(exc)) from exc
        version = CentralKey.objects.get(pk=job.subject)
        self.stdout.write(f"New values are encrypted with {version} (key id {version.key_id}). All others are encrypted again.")
        try:
            self._follow(job)
        except KeyboardInterrupt as exc:
            raise CommandError("Stopped. Workers continue while the site runs. You can also run this command again.") from exc
        self.stdout.write(f"Finished. Every value is encrypted with {version}. Older keys are removed from {file}.")

    def _follow(self, job: Job) -> None:
        """Do the work of a worker, unless a worker is faster. Print the progress."""
        said = ""
        while not Job.objects.get(pk=job.pk).outcome:
            claimed = job_claim(now=timezone.now(), only=job)
            if claimed is not None:
                resealing_advance(job=claimed)
            version = CentralKey.objects.get(pk=job.subject)
            done, total = resealing_progress(version)
            says = version.problem or f"{done} of {total} values are encrypted with {version}."
            if not version.problem and done == total and not version.finished_at:
                says += " Older keys are removed after one minute without a change."
            if says != said:
                self.stdout.write(says)
                self.stdout.flush()
            said = says
            time.sleep(0.2 if claimed else 1)
