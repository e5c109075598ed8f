"""Sign-in of API clients with a session of the console."""

from django.http import HttpResponse
from drf_spectacular.authentication import SessionScheme
from rest_framework import authentication, exceptions
from rest_framework.request import Request

from qmc.addresses.names import ApiOriginCheck, form_refusal


class SessionAuthentication(authentication.SessionAuthentication):
    """The person who is signed in to the console."""

    def enforce_csrf(self, request: Request) -> None:
        check = ApiOriginCheck(lambda _: HttpResponse())
        check.process_request(request)
        if reason := check.process_view(request, None, (), {}):  # type: ignore[arg-type]
            raise exceptions.PermissionDenied(form_refusal(request, str(reason)).detail)


class ConsoleSessionScheme(SessionScheme):  # type: ignore[no-untyped-call]
    """Describes sessions in the schema, as for Django's own class."""

    target_class = "qmc.addresses.authentication.SessionAuthentication"
