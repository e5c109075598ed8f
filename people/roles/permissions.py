"""Who has the permissions of the apps below this one, and of this one."""

from people.roles.registry import EVERYBODY, READERS, Role, permissions_register

permissions_register(
    {
        "audit.view_event": (Role.AUDIT_ADMIN,),
        "audit.view_reason": READERS,
        "audit.accept_gap": (),
        "audit.remove_event": (),
        "audit.view_syslogreceiver": (Role.AUDIT_ADMIN,),
        "audit.add_syslogreceiver": (),
        "audit.change_syslogreceiver": (),
        "audit.delete_syslogreceiver": (),
        "jobs.view_job": EVERYBODY,
        "jobs.change_periodicwork": (Role.SECURITY_ADMIN, Role.DEPLOYMENT_ADMIN),
        "people.change_identityprovider": (),
        "people.view_person": (Role.AUDIT_ADMIN,),
        "people.change_person": (),
        "people.view_apitoken": (Role.AUDIT_ADMIN,),
        "people.add_apitoken": EVERYBODY,
        "people.change_apitoken": (),
    }
)
