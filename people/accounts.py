"""Accounts are made by administrators; nobody signs up."""

from typing import Any, ClassVar

from allauth.account.adapter import DefaultAccountAdapter
from django.http import HttpRequest


class ClosedSignup(DefaultAccountAdapter):
    """The sign-up page stays closed."""

    error_messages: ClassVar[dict[str, Any]] = DefaultAccountAdapter.error_messages | {
        "username_password_mismatch": "User name or password is wrong."
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False
