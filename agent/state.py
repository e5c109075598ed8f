"""The state of a node on the disk: waiting packages, settings and results. The running agent and commands on a terminal share it."""

import contextlib
import dataclasses
import json
import logging
import shutil
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding

from agent import browser, damage
from agent.central_addresses import CentralAddresses, Place
from agent.damage import StoreDamaged
from agent.files import OwnFolder, make_folder, replace
from agent.store import Installed, Store
from agent.turns import Turns
from agent.waiting import Damaged, Waiting, WaitingPackages, read
from pki.core import clocks
from pki.core.addresses import CentralAddress, netloc
from pki.core.commands import QMC
from pki.core.errors import PackageError, PackageInvalid, WrongPassword
from pki.core.json_text import json_read
from pki.exchange import package, package_check, package_header
from pki.exchange.package_header import Claims
from pki.foreign import browser_choice

log = logging.getLogger("agent")
RUNNING = "agent.lock"
# Patterns of all files that the agent writes into its home.
NAMES = (
    "generations",
    "service-pairs",
    "staging",
    "browser",
    "Exported Certificates",
    "waiting",
    "windows-stores",
    "*.json",
    "*.new",
    "*.lock",
    "turn",
)
# The members of agent.json. Older agents did not store `before` and `generation` of a `set-central`.
FORMS: dict[str, Any] = {
    "wrong_passwords": int,
    "paused_until": str,
    "reopened": int,
    "last_problem": {"at": str, "text": str},
    "hook": {"at": str, "exit": int | None, "generation": int},
    "hooked": dict,
    "central": {"address": str, "port": int, "host_name": str | None, "before": list | None, "generation": int | None},
    "central_told": {"generation": int, "addresses": list},
    "central_called": str,
}
MOST_WRONG, PAUSE = 10, timedelta(minutes=10)


def _memory(text: bytes) -> dict[str, Any]:
    """The members of agent.json that have the right type. Raises: ValueError."""
    content = json_read(text)
    if not isinstance(content, dict):
        raise ValueError("it is not a JSON object")
    return {name: value for name, value in content.items() if value is None or _has(value, FORMS.get(name, object))}


def _has(value: Any, form: Any) -> bool:
    """Whether `value` has the type `form`, or is an object whose members have these types."""
    if isinstance(form, dict):
        return isinstance(value, dict) and all(_has(value.get(name), member_form) for name, member_form in form.items())
    return isinstance(value, form)


class Refused(Exception):
    """The agent refuses a package or a command. `kind` is a stable name, the text is for a person."""

    def __init__(self, kind: str, text: str, status: int = 409) -> None:
        super().__init__(text)
        self.kind, self.status = kind, status


class State:
    """The agent's files in `--home`: the store, agent.json, the waiting packages and the turn."""

    def __init__(self, home: Path, *, central_address: CentralAddress | None = None) -> None:
        self.home, self.store, self.packages, self.turns = home, Store(home), WaitingPackages(home / "waiting"), Turns(home)
        self.central_address = central_address  # the central node's own agent calls this address only
        make_folder(home)

    @property
    def own_folder(self) -> OwnFolder:
        """The home, which other accounts must not read."""
        return OwnFolder(self.home, NAMES)

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """One writer at a time: the running agent or a terminal command."""
        with self.store.locked():
            yield

    def memory(self) -> dict[str, Any]:
        """The content of agent.json. A damaged file is moved away."""
        file, content = self.home / "agent.json", dict[str, Any]()
        with contextlib.suppress(FileNotFoundError):
            try:
                content = _memory(file.read_bytes())
            except ValueError:
                file.replace(file.with_name("agent.json.damaged"))
                log.warning(
                    "%s was damaged. It was renamed to agent.json.damaged, and the agent continues without its content. If you had run `reopen` or "
                    "`set-central`, run it again.",
                    file,
                )
        return {"wrong_passwords": 0, "reopened": None} | content

    def _remember(self, **changes: object) -> None:
        replace(self.home / "agent.json", json.dumps(self.memory() | changes).encode())

    def damage(self) -> str:
        """Which file of the installed generation is damaged, and what to do; "" if none is. Raises: OSError."""
        try:
            self.store.current()
        except StoreDamaged as exc:
            return str(exc)
        return ""

    def is_open(self, now: datetime) -> bool:
        """Whether ports 4444 and 4570 are open: nothing is installed, `reopen` was run, the certificate has expired, or its files are damaged."""
        installed = self.store.readable()
        return installed is None or self.memory()["reopened"] == installed.generation or now > installed.service.not_valid_after_utc

    def reopen(self) -> None:
        """Accept packages that are newer than the installed generation. The installation of one ends that in the same step."""
        with self.locked():
            installed = self.store.readable()
            self._remember(reopened=installed.generation if installed else None)

    def removable(self) -> Installed | None:
        """The installed generation that `remove` would remove. Raises: Refused on the central node."""
        installed = self.store.readable()
        central = damage.is_central(self.home)
        if self.damage() and central is None:
            raise Refused(
                "unknown-home",
                f"{self.damage()} Nothing was removed, because no file here says whether this is the central node, and its keys exist only in its home. "
                f"If it is another node, move the folder {self.home} to another place yourself.",
            )
        if central or (installed and installed.host_name == installed.central_host_name):
            raise Refused(
                "central-node",
                "This is the central node: its store has the keys of all encrypted values. Nothing was removed. To replace its certificates, "
                f"run `{QMC} recreate_root`.",
            )
        return installed

    def remove(self) -> None:
        """Remove certificates, keys, copies, waiting packages, agent.json and the turn. Raises: Refused on the central node, OSError."""
        with self.locked():
            self.removable()
            self.store.discard()
            with contextlib.suppress(FileNotFoundError):
                shutil.rmtree(self.home / "waiting")
            (self.home / "agent.json").unlink(missing_ok=True)
            self.turns.forget()

    def set_central(self, address: str, port: int, host_name: str | None) -> None:
        """Call the central node at `address` until an address that it reports later works. Its certificate must have `host_name`, if given."""
        with self.locked():
            installed = self.store.readable()
            before = [netloc(known.address, known.port) for known in CentralAddresses(installed, self.memory()).all()] if installed else []
            generation = installed.generation if installed else 0
            self._remember(central={"address": address, "port": port, "host_name": host_name, "before": before, "generation": generation})

    def central(self, installed: Installed) -> CentralAddresses:
        """The known addresses of the central node."""
        return CentralAddresses(installed, self.memory())

    def take_central_addresses(self, installed: Installed, addresses: list[str]) -> None:
        """Store the addresses in the answer to a heartbeat."""
        with self.locked():
            self._remember(central_told={"generation": installed.generation, "addresses": addresses})

    def record_reached(self, installed: Installed, place: Place) -> None:
        """Record that the central node answered at `place`."""
        known = self.central(installed)
        changes: dict[str, object] = {}
        if known.memory.get("central_called") != str(place):
            changes["central_called"] = str(place)
        if known.memory.get("central") and known.replaces_set_central(place):
            changes["central"] = None
        if changes:
            log.info(
                "the central node answers at %s%s", place, ", so the address of `set-central` was removed" if "central" in changes else ""
            )
            with self.locked():
                self._remember(**changes)

    def record_call(self, problem: str, *, now: datetime) -> None:
        """Record why the last heartbeat failed, for `status`; "" after a successful one."""
        before = self.last_problem()
        if problem != (before["text"] if before else ""):
            with self.locked():
                self._remember(last_problem={"at": now.isoformat(timespec="seconds"), "text": problem} if problem else None)

    def last_problem(self) -> dict[str, str] | None:
        """When and why the last heartbeat failed; None after a successful one."""
        problem: dict[str, str] | None = self.memory().get("last_problem")
        return problem

    def record_hook(self, *, at: datetime, ended: int | None, generation: int, hooked: dict[str, Any] | None = None) -> None:
        """Record a run of the reload hook. `hooked`, recorded before the start, is what the run is for."""
        run = {"hook": {"at": at.isoformat(timespec="seconds"), "exit": ended, "generation": generation}}
        with self.locked():
            self._remember(**run | ({"hooked": hooked} if hooked else {}))

    def hook(self) -> dict[str, Any] | None:
        """The last run of the reload hook: its start, its exit code (None: it is running, or was interrupted), the installed generation."""
        run: dict[str, Any] | None = self.memory().get("hook")
        return run

    def hooked(self) -> dict[str, Any] | None:
        """The generation, roots, lists and browser.pem for which the reload hook was last run."""
        what: dict[str, Any] | None = self.memory().get("hooked")
        return what

    def waiting(self) -> list[Waiting]:
        """The waiting packages that are newer than the installed generation, newest first."""
        installed = self.store.readable()
        return [
            sealed_package
            for sealed_package in self.packages.all()
            if installed is None or sealed_package.claims.generation > installed.generation
        ]

    def accept(self, sealed: bytes, *, source: str, now: datetime) -> str:
        """Store a package until its password is typed. Returns its digest. Raises: Refused, PackageMalformed."""
        claims, digest = package_header.read(sealed).claims, package.digest(sealed)
        with self.locked():
            self._check(claims, now)
            if not self.packages.holds(digest):
                self.packages.keep(sealed, source=source, now=now)
        return digest

    def _check(self, claims: Claims, now: datetime) -> None:
        installed = self.store.readable()
        if claims.expires_at <= now:
            raise Refused(
                "package-expired",
                f"The package has expired: it was valid until {clocks.stamp(claims.expires_at)}, and the clock here says {clocks.stamp(now)}. "
                "If the clock here is wrong, set it (NTP). Otherwise redistribute the node.",
            )
        if installed and installed.trust_zone != claims.trust_zone:
            raise Refused(
                "other-trust-zone",
                f"This node belongs to another trust zone ({installed.central_host_name}). Use an agent with an empty home directory.",
            )
        if installed and claims.generation <= installed.generation:
            raise Refused("older-package", f"Generation {installed.generation} is installed, and this package is not newer.")

    def unlock(self, opener: package.Opener, *, now: datetime) -> Installed | None:
        """Install the waiting package that the password opens. None if there is none. Raises: Refused, PackageInvalid, OSError."""
        waiting = self.waiting()
        fitting = [sealed_package for sealed_package in waiting if opener.fits(sealed_package.header)]
        untagged = [sealed_package for sealed_package in waiting if sealed_package.header.tag is None]  # from an older central node
        for sealed_package in [*fitting, *untagged]:
            try:
                content = opener.open(read(sealed_package.path)[1])
            except (WrongPassword, Damaged, FileNotFoundError):
                if sealed_package in fitting:  # another package with a copied header
                    sealed_package.path.unlink(missing_ok=True)
                continue
            return self._install(content, now=now)
        return None

    def _install(self, content: package.Package, *, now: datetime) -> Installed:
        if content.expires_at <= now:
            raise Refused(
                "package-expired",
                "The package has expired. Redistribute the node in the console for a new password. "
                f"(It was valid until {clocks.stamp(content.expires_at)}, and the clock here says {clocks.stamp(now)}.)",
                410,
            )
        with self.locked():
            self._check_inside(content)
            installed = self.store.install(content, now=now)
            for sealed_package in self.packages.all():
                sealed_package.path.unlink(missing_ok=True)
            self._remember(reopened=None, wrong_passwords=0, paused_until=None)
        return installed

    def paused_until(self, now: datetime) -> datetime | None:
        """The end of the pause, in which the setup page accepts only the password of a waiting package. No pause after the clock was set back."""
        kept = self.memory().get("paused_until")
        with contextlib.suppress(ValueError):
            until = clocks.parsed(kept) if kept else now
            return until if now < until <= now + PAUSE else None
        return None

    def wrong_passwords(self, now: datetime) -> int:
        """The number of different wrong passwords that were typed on the setup page. After a pause the count is 0."""
        memory = self.memory()
        over = memory.get("paused_until") and not self.paused_until(now)
        return 0 if over else int(memory["wrong_passwords"] or 0)

    def count_wrong_password(self, now: datetime) -> int:
        """Count one more wrong password. The tenth starts a pause. Returns the count."""
        with self.locked():
            wrong = self.wrong_passwords(now) + 1
            self._remember(wrong_passwords=wrong, paused_until=(now + PAUSE).isoformat() if wrong >= MOST_WRONG else None)
        return wrong

    def _check_inside(self, content: package.Package) -> None:
        installed = self.store.readable()
        if installed and (installed.trust_zone != content.trust_zone or content.generation <= installed.generation):
            raise PackageInvalid("The package is of another trust zone, or not newer than the installed generation. Redistribute the node.")

    def install_renewal(self, sealed: bytes, *, now: datetime) -> Installed:
        """Install a package that was fetched over mutual TLS. Raises: PackageError."""
        with self.locked():
            installed = self.store.current()
            if installed is None:
                raise PackageError("no certificates are installed that could be renewed")
            content = package.open_with_private_key(sealed, installed.service_key())
            self._check_inside(content)
            # The node keeps its roots: this package may have been encrypted before a root was added or removed.
            roots = dict.fromkeys([*package_check.issuers(content), *(root.public_bytes(Encoding.PEM) for root in installed.roots)])
            return self.store.install(dataclasses.replace(content, roots=tuple(roots)), now=now)

    def take_trust(self, answer: bytes) -> Installed:
        """Install roots and revocation lists that were fetched over mutual TLS. Raises: PackageError."""
        try:
            content = json.loads(answer)
            roots, lists = ([pem.encode() for pem in content[name]] for name in ("roots", "revocation_lists"))
        except (ValueError, KeyError, TypeError, AttributeError) as exc:
            raise PackageError("The roots and revocation lists of the central node cannot be read. Update the agent.") from exc
        with self.locked():
            return self.store.take_trust(roots, lists)

    def choose_browser(self, sealed: bytes | None, *, revision: str, now: datetime) -> bool:
        """Store and use the chosen browser certificate with this `revision` ("": none, `sealed` is None). Returns whether it changed.

        Raises: PackageError, OSError.
        """
        with self.locked():
            installed = self.store.current()
            if installed is None:
                raise PackageError("no certificates are installed on this node")
            choice = browser_choice.open(sealed, installed.service_key()) if sealed is not None else None
            if choice is not None and choice.revision != revision:
                raise PackageError("The central node sent another browser certificate than it announced. The next heartbeat asks again.")
            if choice is not None and choice == self.store.chosen():
                return False
            self.store.choose(choice)
            self.store.update_browser_pem(now=now)
            return True

    def update_browser_pem(self, *, now: datetime) -> bool:
        """Update browser.pem. Returns whether it changed. Raises: OSError."""
        with self.locked():
            return self.store.update_browser_pem(now=now)

    def browser(self, installed: Installed, *, now: datetime) -> dict[str, str]:
        """The revision of the chosen browser certificate ("": none), and why it cannot be used ("": it can)."""
        choice = self.store.chosen()
        return {
            "revision": choice.revision if choice else "",
            "problem": browser.problem(choice, installed.service, folder=self.home, now=now),
        }

    def forget_database_keys(self, key_ids: list[str]) -> None:
        """Remove retired database keys: no value is encrypted with them any more."""
        with self.locked():
            self.store.forget_service_pairs(key_ids)

    def status(self, now: datetime) -> dict[str, Any]:
        """The answer of `/status/servicestate` to the central node."""
        installed, paused_until = self.store.readable(), self.paused_until(now)
        return {
            "value": 1 if self.is_open(now) else 2,
            "waiting": [candidate.digest for candidate in self.waiting()],
            "refused": [],  # for older central nodes; agents no longer drop packages after wrong passwords
            "wrong_passwords": self.wrong_passwords(now),
            "trust_zone": installed.trust_zone if installed else None,
        } | ({"paused_until": paused_until.isoformat(timespec="seconds")} if paused_until else {})
