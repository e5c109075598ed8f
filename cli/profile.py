"""Which site, which token, which roots. `login` writes a profile; the environment takes precedence.

The folder has `site.json`, `roots.pem` (the only authorities that are trusted then) and, where no keyring works, `token`.
"""

import contextlib
import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click
import keyring

from agent.files import replace
from cli.errors import CommandError, NotSignedIn, UsageWrong

SERVICE = "qmcctl"  # the name in the keyring
SITE, ROOTS, TOKEN = "site.json", "roots.pem", "token"


class ProfileDamaged(CommandError):
    title = "profile damaged"


@dataclass(frozen=True)
class Profile:
    url: str
    token: str = field(repr=False)
    roots: Path | None = None  # None: the authorities of the system


def folder() -> Path:
    return Path(os.environ.get("QMCCTL_HOME") or click.get_app_dir("qmcctl"))


def address(text: str) -> str:
    """The site's address as it is stored: scheme, host and port. Raises: UsageWrong."""
    try:
        parts = urlsplit(text if "//" in text else f"https://{text}")
        host, port = parts.hostname, parts.port
    except ValueError as exc:
        raise UsageWrong(f"{text!r} is no address: {exc}.", "Write it as https://central.corp.example:8443.") from exc
    if parts.scheme != "https" or not host or parts.username or parts.path.strip("/") or parts.query or parts.fragment:
        raise UsageWrong(
            f"{text!r} is not the address of a console. The address begins with https://, because a token is sent.",
            "Write it as https://central.corp.example:8443.",
        )
    return f"https://{f'[{host}]' if ':' in host else host}:{port or 443}"


def load() -> Profile:
    """Raises: NotSignedIn, UsageWrong, ProfileDamaged."""
    stored = _stored()
    given = os.environ.get("QMC_URL", "")
    url = address(given) if given else stored.get("url", "")
    if not url:
        raise NotSignedIn("No site is known here.", "Run `qmcctl login https://CENTRAL:8443`.")
    is_stored = url == stored.get("url")  # a token or a root of one site is never used for another
    token = os.environ.get("QMC_TOKEN", "").strip() or (_stored_token(stored) if is_stored else "")
    if not token:
        raise NotSignedIn(f"There is no token for {url} here.", f"Run `qmcctl login {url}`.")
    roots = os.environ.get("QMC_CACERT", "")
    return Profile(url, token, Path(roots) if roots else stored_roots(url))


def stored_roots(url: str) -> Path | None:
    """The roots that `login` stored for this site."""
    path = folder() / ROOTS
    return path if _stored().get("url") == url and path.exists() else None


def save(url: str, token: str, roots: bytes | None) -> str:
    """Store a profile. Returns where the token is, for a person. Raises: OSError."""
    forget()
    in_keyring = _keep_in_keyring(url, token)
    if not in_keyring:
        replace(folder() / TOKEN, token.encode(), shared=False)
    if roots:
        replace(folder() / ROOTS, roots, shared=False)
    replace(folder() / SITE, json.dumps({"url": url, "keyring": in_keyring}).encode(), shared=False)
    return f"the keyring ({keyring.get_keyring().name})" if in_keyring else str(folder() / TOKEN)


def forget() -> str:
    """Remove the profile. Returns the address of its site, empty if there was none. Raises: OSError."""
    stored = _stored()
    if stored.get("keyring"):
        with contextlib.suppress(Exception):  # a keyring may raise anything, and may have lost the token already
            keyring.delete_password(SERVICE, stored["url"])
    for name in (SITE, TOKEN, ROOTS):
        (folder() / name).unlink(missing_ok=True)
    return str(stored.get("url", ""))


def _stored() -> dict[str, Any]:
    path = folder() / SITE
    try:
        stored = json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as exc:
        raise ProfileDamaged(f"{path} cannot be read: {exc}.", "Remove it, then run `qmcctl login` again.") from exc
    return stored if isinstance(stored, dict) else {}


def _stored_token(stored: dict[str, Any]) -> str:
    if not stored.get("keyring"):
        try:
            return (folder() / TOKEN).read_text().strip()
        except FileNotFoundError:
            return ""
    try:
        return keyring.get_password(SERVICE, stored["url"]) or ""
    except Exception as exc:  # a keyring may raise anything
        raise NotSignedIn(f"The keyring does not answer: {exc}.", "Unlock it, or set QMC_TOKEN.") from exc


def _keep_in_keyring(url: str, token: str) -> bool:
    """Whether the keyring keeps it: it is read back."""
    try:
        keyring.set_password(SERVICE, url, token)
        return keyring.get_password(SERVICE, url) == token
    except Exception:  # noqa: BLE001 a keyring may raise anything; then the file is used
        return False
