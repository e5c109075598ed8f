"""Who has the permissions of this app."""

from people.roles.registry import EVERYBODY, Role, permissions_register

SECURITY, DEPLOYMENT, AUDIT = Role.SECURITY_ADMIN, Role.DEPLOYMENT_ADMIN, Role.AUDIT_ADMIN

permissions_register(
    {
        "certs.view_certificate": EVERYBODY,
        "certs.revoke_certificate": (SECURITY,),
        "certs.change_trustzone": (),
        "certs.rotate_root": (SECURITY,),
        "certs.recreate_root": (SECURITY,),
        "certs.rotate_databasekey": (SECURITY,),
        "certs.view_rotation": (SECURITY, DEPLOYMENT, AUDIT),
        "certs.export_cluster": (SECURITY,),
        "certs.view_export": (SECURITY, AUDIT),
        "certs.add_export": (SECURITY,),
        "certs.renew_export": (SECURITY,),
        "certs.revoke_export": (SECURITY,),
        "certs.download_export": (SECURITY,),
        "certs.change_exportrole": (),
        "certs.view_deployment": EVERYBODY,
        "certs.add_deployment": (DEPLOYMENT,),
        "certs.change_deployment": (DEPLOYMENT,),
        "certs.delete_deployment": (DEPLOYMENT,),
        "certs.sign_token": (DEPLOYMENT,),
    },
    about_accounts=["certs.change_exportrole"],
)
