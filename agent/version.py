"""The version of the product, and the operating system of the agent."""

import platform

VERSION = "0.2.0"


def system() -> str:
    """The operating system and its release, in printable ASCII."""
    return "".join(character for character in f"{platform.system()} {platform.release()} {platform.machine()}" if " " <= character <= "~")[
        :100
    ]
