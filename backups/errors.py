"""Errors of backups that were asked for. What a backup itself refuses is backups.archive.BackupError."""


class BackupRefused(Exception):
    """The table of states, or another backup, does not allow this now. The text says why, and what to do."""


class StaleBackup(Exception):
    """Another process changed the backup first."""
