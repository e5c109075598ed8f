"""Accounts are made by administrators; nobody signs up."""

from allauth.account.adapter import DefaultAccountAdapter
from django.http import HttpRequest


class ClosedSignup(DefaultAccountAdapter):
    """The sign-up page stays closed."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False
