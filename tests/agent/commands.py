"""Runs commands of the agent in this process, because a new interpreter takes half a second. `serve` always runs in its own process."""

import contextlib
import io
import os
import subprocess
from unittest.mock import patch

from agent.__main__ import main


def command(*words: object, typed: str = "") -> subprocess.CompletedProcess[str]:
    """The exit code and the output of `agent` with these arguments and the input `typed`."""
    arguments = ["agent", *map(str, words)]
    out, err, entered = io.StringIO(), io.StringIO(), io.TextIOWrapper(io.BytesIO(typed.encode()))
    umask = os.umask(0o022)
    os.umask(umask)
    try:
        with (
            patch("sys.argv", arguments), patch("sys.stdin", entered),
            contextlib.redirect_stdout(out), contextlib.redirect_stderr(err),
        ):  # fmt: skip
            code = main()
    except SystemExit as exc:  # of the parser
        code = int(exc.code or 0)
    finally:
        os.umask(umask)
    return subprocess.CompletedProcess(arguments, code, out.getvalue(), err.getvalue())
