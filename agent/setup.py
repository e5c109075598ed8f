"""The setup page on port 4570, on loopback addresses only. It asks for the password and shows the result."""

import asyncio
import re
import socket
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from agent import setup_page
from agent.listeners import problem
from agent.passwords import Passwords
from agent.state import Refused, State
from agent.store import Installed
from pki.core.addresses import bare, is_loopback
from pki.core.errors import PasswordMistyped, PKIError, WrongPassword

HOST = re.compile(r"(?P<name>[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::(?P<port>[0-9]{1,5}))?")
LARGEST_FORM = 4096
# Errors of a form whose body does not match its headers: its encoding, its parts.
UNREADABLE = (ValueError, LookupError, RuntimeError, HttpProcessingError)
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
HEADERS = {
    "Content-Security-Policy": setup_page.POLICY,
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    # Not `no-referrer`: with it browsers send `Origin: null` with the form, as a foreign page may too.
    "Referrer-Policy": "same-origin",
}


def _check_caller(request: web.Request) -> None:
    """Refuse requests with other host names than those of this machine, on any port because of tunnels, and requests from other pages.

    A name of an attacker's DNS that resolves to this machine (DNS rebinding) is refused. Raises: Refused.
    """
    hosts, origin = request.headers.getall("Host", []), request.headers.get("Origin")
    host = HOST.fullmatch(hosts[0]) if len(hosts) == 1 else None
    if host is None or int(host["port"] or 80) > 65535:
        raise Refused(
            "malformed-host",
            "The request has no valid Host header. Open http://localhost with the port of this page.",
            400,
        )
    if not is_loopback(bare(host["name"])):
        raise Refused(
            "foreign-host",
            "This page answers only to names of its own machine. Open it on the node itself, or through a tunnel, as http://localhost with the "
            "tunnel's port and the path /certificateSetup.",
            403,
        )
    if origin is not None and origin.lower() not in {f"http://{hosts[0].lower()}", f"https://{hosts[0].lower()}"}:
        raise Refused(
            "foreign-origin", "Another page sent this request, so it was refused. Open this page and type the password here.", 403
        )


def _not_installed(exc: Exception) -> tuple[str, int]:
    """The text of the page and the HTTP status when an installation fails."""
    match exc:
        case PasswordMistyped():
            return f"Mistyped: {exc}", 400
        case WrongPassword():
            return f"Wrong password: {exc}", 403
        case Refused():
            return str(exc), exc.status
        case OSError():
            return (
                f"The certificates cannot be written: {exc.strerror}. Nothing was changed. Free disk space or correct the permissions, then try again.",
                507,
            )
    return str(exc), 422


def _page(text: str, status: int = 200, **headers: str) -> web.Response:
    return web.Response(text=text, status=status, content_type="text/html", headers=HEADERS | headers)


class Setup:
    """The answers of the setup page. `unlocked` is called after the page has shown that certificates are installed."""

    def __init__(self, state: State, passwords: Passwords, unlocked: Callable[[], None]) -> None:
        self.state, self.passwords, self.unlocked = state, passwords, unlocked

    async def show(self, request: web.Request) -> web.Response:
        outcome = self.passwords.outcome
        if isinstance(outcome, Installed):
            return self._done(outcome)
        if self.passwords.held_s() and "another" not in request.query:
            return self._held(200)
        return self._asking(_not_installed(outcome)[0] if outcome else "", 200)

    async def take(self, request: web.Request) -> web.Response:
        try:
            typed = (await request.post()).get("__pwd", "")
        except web.HTTPRequestEntityTooLarge:
            return self._asking(f"The form has more than {LARGEST_FORM} bytes. Type only the password.", 413)
        except UNREADABLE:
            return self._asking("The form cannot be read. Send it as application/x-www-form-urlencoded in UTF-8.", 400)
        try:
            installed = await self.passwords.type(typed if isinstance(typed, str) else "")
        except (PKIError, Refused, OSError) as exc:
            return self._asking(*_not_installed(exc))
        return self._done(installed) if installed else self._held(202)

    def _asking(self, problem: str, status: int) -> web.Response:
        pause = self.passwords.pause(datetime.now(UTC))
        return _page(
            setup_page.asking(socket.gethostname(), self.state.waiting(), problem=problem, pause=pause, damage=self.state.damage()), status
        )

    def _held(self, status: int) -> web.Response:
        # A header instead of an element, so that a saved copy of the page does not reload.
        return _page(setup_page.held(self.passwords.held_s()), status, Refresh="2; url=/certificateSetup")

    def _done(self, installed: Installed) -> web.Response:
        self.passwords.outcome_shown()
        asyncio.get_running_loop().call_later(0.2, self.unlocked)
        return _page(setup_page.done(installed))


@web.middleware
async def _guard(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        _check_caller(request)
    except Refused as exc:
        if "text/html" in request.headers.get("Accept", ""):
            return _page(setup_page.refused(str(exc)), exc.status)
        return problem(exc.kind, str(exc), exc.status)
    return await handler(request)


def application(setup: Setup) -> web.Application:
    """The web application of the setup page. It refuses other hosts and origins."""
    served = web.Application(middlewares=[_guard], client_max_size=LARGEST_FORM)
    served.router.add_get("/certificateSetup", setup.show)
    served.router.add_post("/certificateSetup", setup.take)
    return served
