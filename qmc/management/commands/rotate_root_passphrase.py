"""A new passphrase for the keys of roots and of the audit log."""

from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db import DatabaseError
from django.utils import timezone

from audit.actors import SYSTEM
from certs.roots.passphrase import root_passphrase_rotate
from pki.core.errors import PKIError
from qmc.management.site import SiteCommand
from sealing.errors import TrustZoneError
from sealing.free_pages import free_pages_scrub
from sealing.root_passphrase import passphrase_file
from web.words import counted, plural


class Command(SiteCommand):
    help = (
        "Encrypts the keys of all roots and of the audit log with a new random passphrase, and writes it into the file of QMC_ROOT_PASSPHRASE_FILE. The site "
        "can be running. If the command is interrupted, run it again."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--data-dir")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            count = root_passphrase_rotate(actor=SYSTEM, now=timezone.now())
            file = passphrase_file()
            free_pages_scrub()  # an old copy of a key would still open with the old passphrase
        except DatabaseError as exc:
            raise CommandError(f"The database refuses changes now: {exc}. The old passphrase still works. Run this again.") from exc
        except OSError as exc:
            raise CommandError(
                f"{exc.filename} cannot be written: {exc.strerror}. The old passphrase still works. Run this again as the owner of the folder."
            ) from exc
        except (TrustZoneError, PKIError) as exc:
            raise CommandError(str(exc)) from exc
        self.stdout.write(f"{counted(count, 'key')} {plural(count, 'is', 'are')} encrypted with the new passphrase in {file}.")
        self.stdout.write("No restart is needed on this machine. On other machines with workers, replace their copy of the file.")
