"""Who has the permissions of this app. A backup contains every secret, so only a RootAdmin makes, downloads and removes it."""

from people.roles.registry import Role, permissions_register

permissions_register(
    {
        "backups.view_backup": (Role.SECURITY_ADMIN, Role.AUDIT_ADMIN),
        "backups.add_backup": (),
        "backups.download_backup": (),
        "backups.delete_backup": (),
        "backups.change_backupschedule": (),
    }
)
