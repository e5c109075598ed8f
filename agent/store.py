"""The store of a node: generations of keys and certificates. One rename switches between them, so power loss leaves the old or the new one."""

import contextlib
import json
import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cryptography import x509

from agent import browser, generation
from agent.damage import UNREADABLE
from agent.damage import StoreDamaged as StoreDamaged
from agent.files import make_folder, replace, sync_folder, write
from agent.generation import BROWSER as BROWSER
from agent.generation import CLIENT, COPIES, LISTS, ROOTS
from agent.generation import SERVICE as SERVICE
from agent.generation import Installed as Installed
from agent.system.folders import lock, switch_link
from pki.core import database_key, keys, verify
from pki.core.database_key import DatabaseKey, Oids
from pki.core.errors import PackageInvalid
from pki.core.pair import Pair
from pki.exchange import package_check
from pki.exchange.package import Package
from pki.foreign.browser_choice import BrowserChoice

KEPT_GENERATIONS = 2


def _sync_tree(path: Path) -> None:
    for folder in (path, *(entry for entry in path.rglob("*") if entry.is_dir())):
        sync_folder(folder)


def _replace_link(link: Path, target: str) -> None:
    make_folder(link.parent)
    temporary = link.with_name(f".{link.name}.new")
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(target, target_is_directory=True)
    switch_link(temporary, link)
    sync_folder(link.parent)


@dataclass(frozen=True)
class KeyRing:
    """The database keys that a store can decrypt, by key id, and the problems of the other service pairs, by path."""

    keys: dict[str, DatabaseKey]
    problems: dict[str, str]


def _issuer_of(package: Package) -> bytes:
    service = x509.load_pem_x509_certificate(package.service.certificate)
    return next((root for root in package.roots if verify.is_issued_by(service, x509.load_pem_x509_certificate(root))), b"")


def package_files(package: Package) -> dict[str, bytes]:
    roots = b"".join(package.roots)
    service = package.service.private_key + package.service.certificate + _issuer_of(package)
    manifest = {
        "generation": package.generation,
        "trust_zone": package.trust_zone,
        "node": package.node,
        "host_name": package.host_name,
        "central_host_name": package.central_host_name,
        "central_addresses": [[address.address, address.port] for address in package.central_addresses],
        "database_key_oids": package.database_key_oids.texts(),
        "nudged_by": package.nudged_by,
    }
    return {
        "manifest.json": json.dumps(manifest).encode(),
        ROOTS: roots,
        SERVICE: service,
        "machine/personal/cluster.pem": package.cluster.private_key + package.cluster.certificate,
        CLIENT: package.client.private_key + package.client.certificate,
        COPIES[ROOTS]: roots,
        "exported/server.pem": package.service.certificate,
        "exported/server_key.pem": package.service.private_key,
        "exported/client.pem": package.client.certificate,
        "exported/client_key.pem": package.client.private_key,
    }


def _remove_former_choice(generation: Path, current: bytes) -> None:
    """Replace the browser certificate in an older generation, because it may be a former choice with its private key."""
    service, held = (generation / SERVICE).read_bytes(), generation / BROWSER
    if held.exists() and held.read_bytes() not in (service, current):
        replace(held, service)


class Store:
    """The store in the folder `--home`."""

    def __init__(self, home: Path) -> None:
        self.home = home

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """A lock for one writer at a time, of all processes."""
        make_folder(self.home)
        with (self.home / ".lock").open("w") as file:
            lock(file)
            yield

    def current(self) -> Installed | None:
        """The installed generation, None before the first installation. Raises: StoreDamaged, OSError."""
        link = self.home / "current"
        if not link.is_symlink():
            return None
        # Resolve once, so that a switch at this moment does not mix two generations.
        path = link.resolve()
        return generation.read(self.home, path)

    def readable(self) -> Installed | None:
        """The installed generation; None also if its files are damaged."""
        with contextlib.suppress(StoreDamaged):
            return self.current()
        return None

    def install(self, package: Package, *, now: datetime) -> Installed:
        """Check a package, write it as a new generation, and switch to it. Raises: PackageInvalid (nothing changed), OSError."""
        package_check.package(package, now=now)
        before = self.readable()
        generations = self.home / "generations"
        staged, final = generations / f".{package.generation}.staged", generations / str(package.generation)
        shutil.rmtree(staged, ignore_errors=True)
        files = package_files(package)
        # Written before the switch, so that no browser gets the service certificate in between.
        files[BROWSER] = browser.pem(
            self.chosen(), x509.load_pem_x509_certificate(package.service.certificate), files[SERVICE], folder=self.home, now=now
        )
        for name, content in files.items():
            write(staged / name, content)
        for name in (LISTS, COPIES[LISTS]):  # packages have no revocation lists, so the known ones stay
            if before and before.crls:
                write(staged / name, (before.path / LISTS).read_bytes())
        _sync_tree(staged)
        if final.exists():
            shutil.rmtree(final)
        staged.rename(final)
        sync_folder(generations)
        for pair in (package.service, *package.further_service_pairs):
            self._keep_service_pair(pair, package.database_key_oids)
        installed = self._switch(package.generation)
        self._forget_old_generations()
        return installed

    def take_trust(self, roots: list[bytes], lists: list[bytes]) -> Installed:
        """Install roots and revocation lists, all PEM. Each file is replaced in one step, the roots first.

        Raises: PackageInvalid (nothing changed), OSError.
        """
        installed = self.current()
        if installed is None:
            raise PackageInvalid("no certificates are installed on this node")
        package_check.trust(roots, lists, own=(installed.service, installed.client))
        content = {ROOTS: b"".join(roots), LISTS: b"".join(lists)}
        for name in content:  # the copies first, so that a reported revision includes them
            replace(installed.path / COPIES[name], content[name])
        for name in content:
            replace(installed.path / name, content[name])
        changed = self.current()
        assert changed is not None
        return changed

    def chosen(self) -> BrowserChoice | None:
        """The browser certificate that was chosen for this node; None also if it cannot be read: then it is fetched again."""
        try:
            return BrowserChoice.of(json.loads((self.home / browser.CHOSEN).read_bytes()))
        except (FileNotFoundError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return None

    def choose(self, choice: BrowserChoice | None) -> None:
        """Store the chosen browser certificate. `update_browser_pem` then puts it into use. Raises: OSError."""
        kept = self.home / browser.CHOSEN
        if choice is not None:
            replace(kept, choice.to_json())
        elif kept.exists():
            kept.unlink()
            sync_folder(kept.parent)

    def update_browser_pem(self, *, now: datetime) -> bool:
        """Write the chosen certificate to browser.pem while it can be used, else the service certificate. Returns whether it changed. Raises: OSError."""
        installed = self.current()
        if installed is None:
            return False
        choice = self.chosen()
        if choice is None:
            self.choose(None)  # a file that cannot be read may still have a private key
        content = browser.pem(choice, installed.service, installed.service_pem.read_bytes(), folder=self.home, now=now)
        # An older generation may have the private key of the former choice.
        for folder in (self.home / "generations").glob("[0-9]*"):
            if folder.resolve() != installed.path and (folder / SERVICE).exists():
                _remove_former_choice(folder, content)
        if installed.browser_pem.exists() and installed.browser_pem.read_bytes() == content:
            return False
        replace(installed.browser_pem, content)
        return True

    def _switch(self, generation: int) -> Installed:
        _replace_link(self.home / "Exported Certificates/.Local Certificates", "../current/exported")
        _replace_link(self.home / "current", f"generations/{generation}")  # from here on it is installed
        installed = self.current()
        assert installed is not None
        return installed

    def files(self) -> dict[str, bytes]:
        """The files of a backup, by path: the installed generation, the service pairs, the chosen browser certificate. A restore creates the links."""
        installed = self.current()
        generation = [path for path in installed.path.rglob("*") if path.is_file()] if installed else []
        home, chosen = self.home.resolve(), (self.home / browser.CHOSEN).parent.glob("*.json")
        kept = sorted([*generation, *self.service_pairs(), *chosen])
        return {path.resolve().relative_to(home).as_posix(): path.read_bytes() for path in kept}

    def put_back(self, files: Mapping[str, bytes]) -> Installed:
        """Write the result of `files` into an empty store. Raises: ValueError unless it has exactly one generation."""
        parts = [name.split("/") for name in files]
        if any({"", ".", ".."} & set(part) for part in parts):
            raise ValueError("these are not paths of a store")
        generations = {part[1] for part in parts if part[0] == "generations" and len(part) > 2}
        if {part[0] for part in parts} - {"generations", "service-pairs", "browser"} or len(generations) != 1:
            raise ValueError("these are not the files of one generation")
        (generation,) = generations
        for name, content in files.items():
            write(self.home / name, content)
        _sync_tree(self.home)
        return self._switch(int(generation))

    def _keep_service_pair(self, pair: Pair, oids: Oids) -> None:
        service = x509.load_pem_x509_certificate(pair.certificate)
        key_id = database_key.read(service, keys.from_pem(pair.private_key, own=True), oids).key_id.hex()
        replace_in = self.home / "service-pairs" / key_id
        replace(replace_in / "service.pem", pair.private_key + pair.certificate)

    def service_pairs(self) -> list[Path]:
        """The stored service pairs, one for each database key that is not retired. The folder has the key id as its name."""
        return sorted((self.home / "service-pairs").glob("*/service.pem"))

    def key_ring(self) -> KeyRing:
        """Every database key that a service pair of this store decrypts. One that cannot be decrypted does not affect the others."""
        installed, ring = self.current(), KeyRing({}, {})
        if installed is None:
            return ring
        for path in (installed.service_pem, *self.service_pairs()):
            try:
                pem = path.read_bytes()
                key = database_key.read(x509.load_pem_x509_certificate(pem), keys.from_pem(pem, own=True), installed.database_key_oids)
            except (OSError, *UNREADABLE) as exc:
                ring.problems[str(path)] = str(exc)
            else:
                ring.keys.setdefault(key.key_id.hex(), key)
        return ring

    def forget_service_pairs(self, key_ids: Iterable[str]) -> None:
        """Remove service pairs of retired database keys. The pair in use stays, whatever its key."""
        retired = set(key_ids)
        for path in self.service_pairs():
            if path.parent.name in retired:
                shutil.rmtree(path.parent)
        current = self.current()
        for folder in (self.home / "generations").iterdir():  # an older generation may have such a key too
            if current and folder.resolve() != current.path and self._key_id_in(folder, current.database_key_oids) in retired:
                shutil.rmtree(folder)

    def _key_id_in(self, generation: Path, oids: Oids) -> str:
        try:
            pem = (generation / SERVICE).read_bytes()
            return database_key.read(x509.load_pem_x509_certificate(pem), keys.from_pem(pem, own=True), oids).key_id.hex()
        except (OSError, *UNREADABLE):
            return ""

    def _forget_old_generations(self) -> None:
        numbers = sorted(int(path.name) for path in (self.home / "generations").iterdir() if path.name.isdigit())
        for staged in (self.home / "generations").glob(".*.staged"):  # of an interrupted installation
            shutil.rmtree(staged)
        for number in numbers[:-KEPT_GENERATIONS]:
            shutil.rmtree(self.home / "generations" / str(number))

    def remove_all_but_current(self) -> None:
        """Remove the other generations, and service pairs that are damaged or not issued by an installed root."""
        installed = self.current()
        if installed is None:
            return
        for folder in (self.home / "generations").iterdir():
            if folder.resolve() != installed.path:
                shutil.rmtree(folder)
        for path in self.service_pairs():
            with contextlib.suppress(*UNREADABLE):
                if any(verify.is_issued_by(x509.load_pem_x509_certificate(path.read_bytes()), root) for root in installed.roots):
                    continue
            shutil.rmtree(path.parent)

    def discard(self) -> None:
        """Remove everything that is installed or staged. Raises: OSError."""
        (self.home / "current").unlink(missing_ok=True)
        for name in ("generations", "staging", "service-pairs", "browser", "Exported Certificates"):
            with contextlib.suppress(FileNotFoundError):
                shutil.rmtree(self.home / name)
