"""Commands of the agent in this process: a new interpreter costs half a second. `serve` is always a process of its own."""

import contextlib
import io
import os
import subprocess
from unittest.mock import patch

from agent.__main__ import main


def command(*words: object, typed: str = "") -> subprocess.CompletedProcess[str]:
    """What `agent` with these words returns and prints when `typed` is its input."""
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
