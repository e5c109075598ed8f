#!/usr/bin/env python
"""Commands of the console. `--data-dir` is read before the settings load."""

import os
import sys

from django.core.management import execute_from_command_line


def main() -> None:
    arguments = sys.argv
    for position, word in enumerate(arguments):
        if word == "--data-dir" and position + 1 < len(arguments):
            os.environ["QMC_DATA_DIR"] = arguments[position + 1]
        elif word.startswith("--data-dir="):
            os.environ["QMC_DATA_DIR"] = word.partition("=")[2]
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "qmc.settings")
    execute_from_command_line(arguments)


if __name__ == "__main__":
    main()
