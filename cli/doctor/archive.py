"""The diagnostic archive: JSON files in a zip. Secrets are removed, and it is not written if any is left."""

import io
import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

from agent.files import replace
from cli.errors import CommandError

REMOVED = "[removed]"
NAMES = re.compile(r"pass(word|phrase|wd)?$|secret|token$|private_?key|authorization|cookie|pwd$", re.IGNORECASE)
SECRETS = {
    "private key": re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL),
    "token": re.compile(r"\bqmc_[0-9a-f]{16,}"),
    "signed token": re.compile(r"\beyJ[\w-]{8,}\.[\w-]+(\.[\w-]*){1,3}"),
    "registration password": re.compile(r"\b[0-9A-HJKMNP-TV-Z]{5}(-[0-9A-HJKMNP-TV-Z]{5}){4}\b"),
    "authorization": re.compile(r"\b(Bearer|Basic|Token) +[\w+/=.-]{12,}"),
    "password in an address": re.compile(r"(?<=://)[^/@\s\"]+:[^/@\s\"]+(?=@)"),
    "age key": re.compile(r"\bAGE-SECRET-KEY-1[0-9A-Z]+"),
}


class NotClean(CommandError):
    title = "not clean"


def write(path: Path, parts: Iterable[tuple[str, object]], *, secrets: Iterable[str]) -> None:
    """Write an archive that only this account can read. `secrets` are values that must not be in it. Raises: NotClean, OSError."""
    known = [each for each in secrets if each]
    files = {name: json.dumps(cleaned(content, known), indent=1, ensure_ascii=False) for name, content in parts}
    found = {name: left for name, text in files.items() if (left := found_in(text, known))}
    if found:
        where = ", ".join(f"{what} in {name}" for name, left in found.items() for what in left)
        raise NotClean(
            f"No archive was written, because it would have a secret: {where}.", "Report this; the output of --json has no such part."
        )
    replace(path, zipped(files), shared=False)


def cleaned(content: Any, known: list[str]) -> Any:
    """The same content without secrets: by the name of a field, by form, and by value."""
    if isinstance(content, Mapping):
        return {
            clean_text(str(name), known): REMOVED if NAMES.search(str(name)) and isinstance(value, str) and value else cleaned(value, known)
            for name, value in content.items()
        }
    if isinstance(content, (list, tuple)):
        return [cleaned(each, known) for each in content]
    return clean_text(content, known) if isinstance(content, str) else content


def clean_text(text: str, known: list[str]) -> str:
    for secret in known:
        text = text.replace(secret, REMOVED)
    for pattern in SECRETS.values():
        text = pattern.sub(REMOVED, text)
    return text


def found_in(text: str, known: list[str]) -> list[str]:
    """The kinds of secrets in a file, as it would be written."""
    found = [what for what, pattern in SECRETS.items() if pattern.search(text)]
    return found + ["the token of this login"] * any(json.dumps(each, ensure_ascii=False)[1:-1] in text for each in known)


def zipped(files: Mapping[str, str]) -> bytes:
    made = io.BytesIO()
    with ZipFile(made, "w", ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(f"{name}.json", text)
    return made.getvalue()
