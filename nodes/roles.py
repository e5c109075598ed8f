"""Who has the permissions of this app."""

from people.roles.registry import EVERYBODY, READERS, Role, permissions_register

SECURITY, DEPLOYMENT = Role.SECURITY_ADMIN, Role.DEPLOYMENT_ADMIN

permissions_register(
    {
        "nodes.view_node": EVERYBODY,
        "nodes.add_node": (DEPLOYMENT,),
        "nodes.change_node": (DEPLOYMENT,),
        "nodes.register_node": (DEPLOYMENT,),
        "nodes.renew_node": (SECURITY, DEPLOYMENT),
        "nodes.decommission_node": (SECURITY, DEPLOYMENT),
        "nodes.view_connection": READERS,
        "nodes.add_connection": (DEPLOYMENT,),
        "nodes.change_connection": (DEPLOYMENT,),
        "nodes.delete_connection": (DEPLOYMENT,),
        "nodes.view_browsercertificate": EVERYBODY,
        "nodes.add_browsercertificate": (SECURITY,),
        "nodes.change_browsercertificate": (SECURITY,),
        "nodes.delete_browsercertificate": (SECURITY,),
        "nodes.choose_browsercertificate": (SECURITY, DEPLOYMENT),
    }
)
