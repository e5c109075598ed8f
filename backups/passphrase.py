"""The passphrase of a backup, from a file or a terminal. Never from the command line, where other accounts can see it."""

import getpass
import sys
from argparse import ArgumentParser
from pathlib import Path

from backups.archive import BackupError, passphrase_checked


def add_argument(parser: ArgumentParser) -> None:
    parser.add_argument("--passphrase-file", type=Path, help="file with the passphrase of the backup. Default: the command asks for it")


def passphrase(file: Path | None, *, twice: bool) -> str:
    """Raises: BackupError if there is none, if it is too short, or if the second input differs."""
    if file is not None:
        try:
            return passphrase_checked(file.read_text().rstrip("\r\n"))
        except (OSError, UnicodeDecodeError) as exc:
            raise BackupError(f"The passphrase cannot be read: {exc}. Check --passphrase-file.") from exc
    if not sys.stdin.isatty():
        raise BackupError("There is no passphrase. Give --passphrase-file FILE, or run this on a terminal.")
    typed = passphrase_checked(getpass.getpass("Passphrase of the backup: "))
    if twice and getpass.getpass("Repeat the passphrase: ") != typed:
        raise BackupError("The two passphrases differ. Nothing was written. Type the same passphrase twice.")
    return typed
