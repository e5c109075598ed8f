"""The sign-in form."""

from typing import Any

from allauth.account.forms import LoginForm


class SignInForm(LoginForm):
    """The cursor is in the field of the name when the page opens."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["login"].widget.attrs["autofocus"] = True
