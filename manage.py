#!/usr/bin/env python
"""Commands of the console."""

from qmc.__main__ import main

if __name__ == "__main__":
    main()
