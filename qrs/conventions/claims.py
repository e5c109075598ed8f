"""The header X-Qlik-User: who the client says that it acts for. It is recorded and never believed."""

import re

HEADER = "X-Qlik-User"
LONGEST = 50
# Clients write `UserDirectory=X;UserId=Y`, also with a space, with another case, and with a colon between both.
_PART = re.compile(r"(userdirectory|userid)\s*=\s*([^;]*?)\s*(?=[;:]\s*user|;|$)", re.IGNORECASE)


def claimed_user(header: str) -> str:
    r"""`DIRECTORY\user` of the header, in printable characters. "" if it names nobody."""
    parts = {name.lower(): _shown(value) for name, value in reversed(_PART.findall(header[:1000]))}
    return "\\".join(filter(None, (parts.get("userdirectory", ""), parts.get("userid", ""))))


def _shown(text: str) -> str:
    return "".join(character if character.isprintable() else "?" for character in text[:LONGEST])
