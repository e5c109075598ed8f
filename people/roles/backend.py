"""Sign-in with a password, and the permissions of an account, read by one query. The account of a session is read with what it lacks."""

from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import Permission, User
from django.db.models import Exists, OuterRef, Q

from people.roles.rules import has_factor, requires_factor


class RoleBackend(ModelBackend):
    """As Django's own. It reads the permissions of all roles at once, with each request."""

    def get_user(self, user_id: Any) -> User | None:
        """The account of a session with its person, by one query. `lacks_second_factor`: one of its roles requires one, and it has none."""
        required = Exists(requires_factor().filter(role__user=OuterRef("pk")))
        found = User.objects.select_related("person").annotate(lacks_second_factor=required & ~has_factor("pk"))
        user = found.filter(pk=user_id).first()
        return user if user is not None and self.user_can_authenticate(user) else None

    def get_all_permissions(self, user_obj: Any, obj: Any = None) -> set[str]:
        if obj is not None or not user_obj.is_active or user_obj.is_anonymous or user_obj.is_superuser:
            return set(super().get_all_permissions(user_obj, obj))
        if not hasattr(user_obj, "_perm_cache"):
            held = Permission.objects.filter(Q(user=user_obj) | Q(group__user=user_obj)).order_by()
            user_obj._perm_cache = {f"{app}.{name}" for app, name in held.values_list("content_type__app_label", "codename")}
        return set(user_obj._perm_cache)


def lacks_second_factor(user: Any) -> bool:
    """Whether a role of the person who has signed in requires a second factor that they do not have. False for nobody: a session can have lost its person."""
    return bool(user.is_authenticated and user.lacks_second_factor)
