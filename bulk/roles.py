"""Who has the permissions of this app. To begin an action or to cancel it, its own permission is required."""

from people.roles.registry import READERS, permissions_register

permissions_register({"bulk.view_bulkwork": READERS})
