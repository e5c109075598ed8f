"""Sign-in with a password, and the permissions of an account, read by one query."""

from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import Permission, User
from django.db.models import Q


class RoleBackend(ModelBackend):
    """As Django's own. It reads the permissions of all roles at once, with each request."""

    def get_user(self, user_id: Any) -> User | None:
        """The account with its person, by one query."""
        user = User.objects.select_related("person").filter(pk=user_id).first()
        return user if user is not None and self.user_can_authenticate(user) else None

    def get_all_permissions(self, user_obj: Any, obj: Any = None) -> set[str]:
        if obj is not None or not user_obj.is_active or user_obj.is_anonymous or user_obj.is_superuser:
            return set(super().get_all_permissions(user_obj, obj))
        if not hasattr(user_obj, "_perm_cache"):
            held = Permission.objects.filter(Q(user=user_obj) | Q(group__user=user_obj)).order_by()
            user_obj._perm_cache = {f"{app}.{name}" for app, name in held.values_list("content_type__app_label", "codename")}
        return set(user_obj._perm_cache)
