"""Commands of the console: `qmc` where its wheel is installed, `python manage.py` in a source tree. `--data-dir` is read before the settings load."""

import os
import sys

from django.core.management import execute_from_command_line
from django.db import DatabaseError

from agent.files import NotPossible
from agent.version import VERSION
from web.database_problem import detail, is_unavailable


def main() -> None:
    # `--data-dir` is taken out, so that Django's own commands, such as `check`, have it too.
    arguments, words = [], iter(sys.argv)
    for argument in words:
        name, equals, value = argument.partition("=")
        if name == "--data-dir" and (value := value if equals else next(words, "")):
            os.environ["QMC_DATA_DIR"] = value
        else:
            arguments.append(argument)
    if "--version" in arguments:  # Django would print its own
        sys.stdout.write(f"trust-zone-console {VERSION}\n")
        return
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "qmc.settings")
    try:
        execute_from_command_line(arguments)
    except DatabaseError as exc:  # mostly: there is no site yet
        if not is_unavailable(exc):
            raise
        sys.exit(f"{detail(exc)} ({str(exc).strip()})")
    except NotPossible as exc:
        sys.exit(str(exc))


if __name__ == "__main__":
    main()
