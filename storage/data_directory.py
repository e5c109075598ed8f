"""The data directory: which files in it belong to the console, and which modes they have, so that no other account can read them."""

import contextlib
import os
import secrets
from fnmatch import fnmatch
from pathlib import Path

from django.conf import settings

from agent import files
from pki.core.commands import QMC

# The console's own files, and those that administrators often copy here. If a directory has other files too, the console shares it.
NAMES = (
    "db.sqlite3*", "*.lock", "secrets", "node", "agents", "broker", "logs", "before-upgrade", "exports", "backups", "audit", "metrics", ".trial-*", "lost+found",
)  # fmt: skip


def secret_file(path: Path, *, shared: bool = False, content: str = "") -> Path:
    """The file. If it is missing, it is made with this content or a random one. Its mode is 0600; QMC_GROUP can read it only if it is `shared`."""
    files.make_folder(path.parent)
    try:
        descriptor = files.open_to_write(path, os.O_EXCL, shared=shared)
    except FileExistsError:
        return path
    with os.fdopen(descriptor, "w") as file:
        file.write(content or secrets.token_urlsafe(48))
    return path


def _own_folder() -> files.OwnFolder:
    return files.OwnFolder(settings.QMC_DATA_DIR, NAMES, _is_private, _is_guarded)


def _is_guarded(path: Path) -> bool:
    """Prevent web processes from replacing the root passphrase or the directory of the secrets."""
    top = settings.QMC_DATA_DIR.resolve()
    return path in (top, top / "secrets")


def _is_private(path: Path) -> bool:
    """Paths for workers only: root passphrase and other secrets, checkpoints of the audit log, trial restores, copies from before an upgrade, and files that the console does not know."""
    inside = path.relative_to(settings.QMC_DATA_DIR.resolve()).parts
    if path == _resolved(settings.ROOT_PASSPHRASE_FILE):
        return True
    if inside[:1] == ("secrets",) and len(inside) > 1:
        return path not in {_resolved(file) for file in settings.SHARED_SECRET_FILES}
    return bool(inside) and (
        inside[0] in ("audit", "before-upgrade") or inside[0].startswith(".trial-") or not any(fnmatch(inside[0], name) for name in NAMES)
    )


def _resolved(path: Path | None) -> Path | None:
    return path.parent.resolve() / path.name if path else None


def data_directory_prepare() -> None:
    """Make missing files and folders, and correct the modes of existing ones. Every command that starts a process calls it, after its checks.

    Raises: NotPossible.
    """
    try:
        _prepare()
    except OSError as exc:
        raise files.NotPossible(
            f"The data directory {settings.QMC_DATA_DIR} cannot be used: {exc.strerror} ({exc.filename}). Choose a directory with --data-dir, "
            "or make the account that runs this the owner of this one."
        ) from exc


def _prepare() -> None:
    files.make_folder(settings.QMC_DATA_DIR)
    settings.SECRET_KEY = secret_file(settings.SECRET_KEY_FILE, shared=True, content=settings.SECRET_KEY).read_text()
    if settings.CELERY_BROKER_URL.startswith("filesystem"):
        for name in ("messages", "control"):
            files.make_folder(settings.QMC_DATA_DIR / "broker" / name)
    _close()


def _close() -> None:
    if files.is_shared() and not settings.INSTALLATION.database_url:
        with contextlib.suppress(FileExistsError):  # SQLite would make it without a right to write for the group
            os.close(files.open_to_write(Path(settings.DATABASES["default"]["NAME"]), os.O_EXCL))
    files.close_to_others(_own_folder())


def root_passphrase_make(*, has_zone: bool) -> None:
    """Make the file of the root passphrase for a new site. With `has_zone`, the file must exist: a new passphrase would not open the root key.

    Raises: NotPossible.
    """
    file = settings.ROOT_PASSPHRASE_FILE
    if file is None:
        return
    if has_zone and not file.exists():
        raise files.NotPossible(
            f"The root passphrase file {file} is missing, and only this passphrase opens the root key of the site. Nothing was changed. Put the file "
            f"back, or restore the last backup into an empty data directory with `{QMC} restore FILE`."
        )
    secret_file(file)


def readable_by_others() -> list[Path]:
    """Paths that other accounts can read, in the data directory and where secrets are kept elsewhere. Raises: NotPossible."""
    kept = dict.fromkeys(settings.SHARED_SECRET_FILES, True) | (
        {settings.ROOT_PASSPHRASE_FILE: False} if settings.ROOT_PASSPHRASE_FILE else {}
    )
    elsewhere = {path: shared for path, shared in kept.items() if path.is_file() and settings.QMC_DATA_DIR not in path.parents}
    loose = [path for path, shared in elsewhere.items() if files.is_readable_by_others(path, shared=shared)]
    return [*files.readable_by_others(_own_folder()), *loose]
