"""Administrators make accounts. There is no sign-up."""

from typing import Any, ClassVar

from allauth.account.adapter import DefaultAccountAdapter
from django.http import HttpRequest


class ClosedSignup(DefaultAccountAdapter):
    """Closes the sign-up page."""

    error_messages: ClassVar[dict[str, Any]] = DefaultAccountAdapter.error_messages | {
        "username_password_mismatch": "User name or password is wrong."
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False
