"""The file of a backup: a tar with known members, encrypted with age under a passphrase. Bytes in, bytes out; no path of the file is ever used."""

import hashlib
import io
import json
import re
import tarfile
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import pyrage

FORM = 1
MANIFEST, DATA, SECRET_KEY, CENTRAL_KEY = "manifest.json", "data.jsonl", "secret-key", "central-key"
ROOTS, NODE, AUDIT = "roots/", "node/", "audit/"
SHORTEST_PASSPHRASE, LONGEST_PASSPHRASE = 12, 200
# age measures how fast this machine is now, and refuses a file that was made when it was much faster. A busy machine is measured again.
TOO_MUCH_WORK, ATTEMPTS, PAUSE_S = "Excessive work", 30, 1.0
PART = r"[A-Za-z0-9_][A-Za-z0-9._-]*"  # no part begins with a dot, so no path leaves the folder
MEMBER = re.compile(
    rf"{re.escape(MANIFEST)}|{re.escape(DATA)}|{SECRET_KEY}|{CENTRAL_KEY}|{ROOTS}[0-9a-f-]{{36}}\.pem|{NODE}{PART}(/{PART})*|{AUDIT}{PART}"
)
PRIVATE_KEY = re.compile(rb"-----BEGIN ([A-Z0-9 ]*)PRIVATE KEY-----.*?-----END", re.DOTALL)


class BackupError(Exception):
    """A backup cannot be made or restored: what happened, why, and what to do next."""


@dataclass(frozen=True)
class Origin:
    """The site of a backup, and its time."""

    created_at: datetime
    trust_zone: str
    host_name: str


@dataclass(frozen=True)
class Archive:
    """A complete backup: its origin, and its members by name without the manifest."""

    origin: Origin
    members: Mapping[str, bytes]

    def below(self, folder: str) -> dict[str, bytes]:
        """The files of `folder` as members, by their paths in it."""
        return {name.removeprefix(folder): content for name, content in self.members.items() if name.startswith(folder)}


def passphrase_checked(passphrase: str) -> str:
    """`passphrase` unchanged. Raises: BackupError if it is too short or too long."""
    if not SHORTEST_PASSPHRASE <= len(passphrase) <= LONGEST_PASSPHRASE:
        raise BackupError(
            f"The passphrase has {len(passphrase)} characters. It needs {SHORTEST_PASSPHRASE} to {LONGEST_PASSPHRASE}, because the file "
            "contains every key of the site. Choose another."
        )
    return passphrase


def seal(archive: Archive, passphrase: str) -> bytes:
    """The encrypted file. Raises: BackupError for a member that could not be restored."""
    sealed: bytes = pyrage.passphrase.encrypt(pack(archive), passphrase)
    return sealed


def unseal(sealed: bytes, passphrase: str) -> Archive:
    """Decrypt the file and check everything. age authenticates every byte. Raises: BackupError."""
    for left in reversed(range(ATTEMPTS)):
        try:
            return unpack(pyrage.passphrase.decrypt(sealed, passphrase))
        except pyrage.DecryptError as exc:
            if not str(exc).startswith(TOO_MUCH_WORK):
                raise BackupError(
                    "The backup does not open: the passphrase is wrong, or the file was changed or truncated. Nothing was changed. Check the "
                    "passphrase, then try another copy of the file."
                ) from exc
            if not left:
                raise BackupError(
                    "The backup does not open now, because this machine is too busy: it would take too long to derive the key from the passphrase. "
                    "Nothing was changed. Try again when fewer programs run, or on a faster machine."
                ) from exc
        time.sleep(PAUSE_S)
    raise AssertionError("the last attempt returns or raises")


def pack(archive: Archive) -> bytes:
    """The tar before encryption. Raises: BackupError for a member that could not be restored."""
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in archive.members.items()}
    facts = asdict(archive.origin) | {"created_at": archive.origin.created_at.isoformat()}
    manifest = json.dumps({"form": FORM, **facts, "sha256": digests}, indent=1).encode()
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for name, content in {MANIFEST: manifest, **archive.members}.items():
            _check_name(name)
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode, entry.mtime = len(content), 0o600, int(archive.origin.created_at.timestamp())
            tar.addfile(entry, io.BytesIO(content))
    return packed.getvalue()


def unpack(packed: bytes) -> Archive:
    """The archive, if its members are exactly those in its manifest. Raises: BackupError."""
    members = _members(packed)
    manifest = members.pop(MANIFEST, b"")
    try:
        facts = json.loads(manifest)
        form, digests = facts["form"], facts["sha256"]
    except (ValueError, KeyError, TypeError) as exc:
        raise BackupError("The file opens, but it is not a backup of a trust zone: its manifest is missing or cannot be read.") from exc
    if form != FORM:
        raise BackupError(
            f"The backup has format {form}. This console reads format {FORM}. Restore it with the version of the console that made it."
        )
    if digests != {name: hashlib.sha256(content).hexdigest() for name, content in members.items()}:
        raise BackupError("The members of the backup differ from its manifest. Nothing was changed. Use another backup.")
    if missing := {DATA, SECRET_KEY} - members.keys():
        raise BackupError(f"The backup is not complete: it lacks {', '.join(sorted(missing))}. Use another backup.")
    return Archive(_origin(facts), members)


def _origin(facts: dict[str, Any]) -> Origin:
    try:
        created_at = datetime.fromisoformat(facts["created_at"])
        if created_at.tzinfo is None:
            raise ValueError("a time without a time zone")
        return Origin(created_at, str(facts["trust_zone"]), str(facts["host_name"]))
    except (ValueError, KeyError, TypeError) as exc:
        raise BackupError("The manifest of the backup has no valid site and time. Use another backup.") from exc


def _check_name(name: str) -> None:
    if not MEMBER.fullmatch(name):
        raise BackupError(f"{name!r:.80} is not a path in a backup.")


def _members(packed: bytes) -> dict[str, bytes]:
    members: dict[str, bytes] = {}
    try:
        with tarfile.open(fileobj=io.BytesIO(packed), mode="r:") as tar:
            for entry in tar:
                _check_name(entry.name)
                content = tar.extractfile(entry) if entry.type == tarfile.REGTYPE and not entry.issparse() else None
                if content is None or entry.name in members:
                    raise BackupError(f"{entry.name!r:.80} in the backup is not a regular file, or is there twice. Nothing was changed.")
                members[entry.name] = content.read()
    except tarfile.TarError as exc:
        raise BackupError("The file opens, but it is not a backup of a trust zone.") from exc
    return members


def private_keys(archive: Archive) -> str:
    """Describe the private keys in the files of the backup, found by reading the files. "" if there are none."""
    found: dict[tuple[str, bytes], bytes] = {}  # several files of the store contain the same key
    for name, content in archive.members.items():
        place = name.partition("/")[0]
        found |= {(place, match[0]): match[1] for match in PRIVATE_KEY.finditer(content)}
    counts = Counter((place, kind.startswith(b"ENCRYPTED")) for (place, _), kind in found.items())
    words = {"roots": "of roots", "node": "of the node store", "audit": "of the audit log"}
    parts = [
        f"{count} private key{'s' * (count > 1)} {words.get(place, f'in {place}')}{' (encrypted with the passphrase of the backup)' * encrypted}"
        for (place, encrypted), count in sorted(counts.items())
    ]
    return ", ".join(parts)
