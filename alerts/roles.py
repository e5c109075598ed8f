"""Who has the permissions of this app."""

from people.roles.registry import READERS, Role, permissions_register

AUDIT = Role.AUDIT_ADMIN

permissions_register(
    {
        "alerts.view_alert": READERS,
        "alerts.change_alert": (Role.SECURITY_ADMIN, Role.DEPLOYMENT_ADMIN),
        "alerts.view_channel": (AUDIT,),
        "alerts.add_channel": (),
        "alerts.change_channel": (),
        "alerts.delete_channel": (),
        "alerts.view_route": (AUDIT,),
        "alerts.add_route": (),
        "alerts.change_route": (),
        "alerts.delete_route": (),
        "alerts.view_rules": (AUDIT,),
        "alerts.change_rules": (),
    }
)
