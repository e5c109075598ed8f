"""What a command cannot do. Each class has its exit code; docs/develop/qmcctl.md has the table.

CommandError
├── WorkFailed         the awaited work failed
├── UsageWrong         the command line is wrong; nothing was sent
├── NotSignedIn        there is no usable token
├── NoMatch            a name matches no object, or several
├── Away               the site does not answer
├── Untrusted          no trusted root issued the site's certificate, or it has another name
├── StillWaiting       `--wait` reached its time limit
└── Refused            the site answered with a problem (RFC 9457); its status decides
"""

from enum import IntEnum
from typing import Any


class ExitCode(IntEnum):
    DONE = 0
    FAILED = 1
    USAGE = 2
    NOT_SIGNED_IN = 3
    NOT_ALLOWED = 4
    NOT_FOUND = 5
    NOT_NOW = 6
    REFUSED = 7
    AWAY = 8
    UNTRUSTED = 9
    STILL_WAITING = 10
    INTERRUPTED = 130
    BROKEN_PIPE = 141


OF_STATUS = {
    401: ExitCode.NOT_SIGNED_IN,
    403: ExitCode.NOT_ALLOWED,
    404: ExitCode.NOT_FOUND,
    409: ExitCode.NOT_NOW,
    412: ExitCode.NOT_NOW,
    429: ExitCode.AWAY,
}


class CommandError(Exception):
    """`detail` says what happened and why, `remedy` what to do next."""

    exit_code = ExitCode.FAILED
    title = "failed"

    def __init__(self, detail: str, remedy: str = "") -> None:
        super().__init__(detail)
        self.detail, self.remedy = detail, remedy

    @property
    def problem(self) -> dict[str, Any]:
        """For scripts: a problem document in the form of the API's."""
        text = f"{self.detail} {self.remedy}".strip()
        return {"type": f"urn:qmcctl:{self.title.replace(' ', '-')}", "title": self.title, "status": None, "detail": text, "errors": []}


class WorkFailed(CommandError):
    title = "work failed"


class UsageWrong(CommandError):
    exit_code, title = ExitCode.USAGE, "usage wrong"


class NotSignedIn(CommandError):
    exit_code, title = ExitCode.NOT_SIGNED_IN, "not signed in"


class NoMatch(CommandError):
    exit_code, title = ExitCode.NOT_FOUND, "no match"


class Away(CommandError):
    exit_code, title = ExitCode.AWAY, "away"


class Untrusted(CommandError):
    exit_code, title = ExitCode.UNTRUSTED, "untrusted"


class StillWaiting(CommandError):
    exit_code, title = ExitCode.STILL_WAITING, "still waiting"


class Refused(CommandError):
    """The site's answer, with its `detail`, `errors` and `findings`."""

    def __init__(self, problem: dict[str, Any], status: int) -> None:
        remedy = "Make another token, then run `qmcctl login` again." if status == 401 else ""
        super().__init__(str(problem.get("detail") or problem.get("title") or f"The site answered with status {status}."), remedy)
        self.status, self.title, self._problem = status, str(problem.get("title") or status), problem
        self.exit_code = OF_STATUS.get(status, ExitCode.AWAY if status >= 500 else ExitCode.REFUSED)

    @property
    def problem(self) -> dict[str, Any]:
        return self._problem
