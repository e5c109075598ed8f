"""The status of errors of backups."""

from backups.archive import BackupError
from backups.errors import BackupRefused, StaleBackup
from web.problems import problem_register

problem_register(409, "not-now", BackupRefused, BackupError)
problem_register(409, "changed-meanwhile", StaleBackup)
