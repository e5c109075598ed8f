"""What a node holds: generations of keys and certificates, switched by one rename, so that power loss leaves the old or the new."""

import contextlib
import hashlib
import json
import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from cryptography import x509

from agent import browser
from agent.files import make_folder
from agent.files import replace as replace
from agent.files import write as write
from agent.system import lock, switch_link
from agent.system import sync_folder as sync_folder
from pki import ber, database_key, keys, revocation, verify
from pki.browser_choice import BrowserChoice
from pki.database_key import DatabaseKey, Oids
from pki.errors import PackageInvalid, PKIError
from pki.keys import PrivateKey
from pki.package import CentralAddress, Package, Pair

KEPT_GENERATIONS = 2
ROOTS, LISTS = "machine/root/roots.pem", "machine/root/crl.pem"
SERVICE, BROWSER = "machine/personal/service.pem", "machine/personal/browser.pem"
COPIES = {ROOTS: "exported/root.pem", LISTS: "exported/crl.pem"}


def _sync_tree(path: Path) -> None:
    for folder in (path, *(each for each in path.rglob("*") if each.is_dir())):
        sync_folder(folder)


def _replace_link(link: Path, target: str) -> None:
    make_folder(link.parent)
    temporary = link.with_name(f".{link.name}.new")
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(target, target_is_directory=True)
    switch_link(temporary, link)
    sync_folder(link.parent)


@dataclass(frozen=True)
class Installed:
    """One installed generation, read from the disk."""

    path: Path
    generation: int
    trust_zone: str
    node: str
    host_name: str
    central_host_name: str
    central_addresses: tuple[CentralAddress, ...]
    database_key_oids: Oids
    roots: tuple[x509.Certificate, ...]
    crls: tuple[x509.CertificateRevocationList, ...]
    service: x509.Certificate
    client: x509.Certificate
    cluster: x509.Certificate

    @property
    def revision(self) -> tuple[int, dict[str, int]]:
        """Changes whenever what is served, trusted or refused does: the generation, and each root's fingerprint with its list's number."""
        numbers = {crl.issuer: revocation.number_of(crl) for crl in self.crls}
        return self.generation, {verify.fingerprint(root): numbers.get(root.subject, 0) for root in self.roots}

    @property
    def service_pem(self) -> Path:
        """Key and chain of the listener in one file."""
        return self.path / SERVICE

    @property
    def browser_pem(self) -> Path:
        """Key and chain of what browsers are shown; replaced in one step, also between two generations."""
        return self.path / BROWSER

    @property
    def browser(self) -> bytes:
        """The first certificate (DER) that browser.pem holds now. Raises: OSError, ValueError."""
        return ber.pem_content(self.browser_pem.read_bytes(), "CERTIFICATE")

    @property
    def browser_revision(self) -> str:
        """Changes whenever browser.pem does, as it is on the disk now. Raises: OSError."""
        return hashlib.sha256(self.browser_pem.read_bytes()).hexdigest()

    @property
    def client_pem(self) -> Path:
        return self.path / "user/personal/client.pem"

    @property
    def roots_pem(self) -> Path:
        return self.path / ROOTS

    def service_key(self) -> PrivateKey:
        return keys.from_pem((self.path / "exported/server_key.pem").read_bytes(), own=True)

    def database_key(self) -> DatabaseKey:
        """Read out of the service certificate with its private key (S16). Raises: DatabaseKeyError."""
        return database_key.read(self.service, self.service_key(), self.database_key_oids)

    def places(self) -> Iterator[tuple[str, Path]]:
        """What was installed where, for a person."""
        yield "Root certificate", self.roots_pem
        yield "Service certificate and key", self.service_pem
        yield "QlikServiceCluster certificate and key", self.path / "machine/personal/cluster.pem"
        yield "Client certificate and key", self.client_pem
        yield "Copies for node.js services", self.path / "exported"


@dataclass(frozen=True)
class KeyRing:
    """The database keys that a store opens, by key id, and of each service pair that does not open: where it is, and why."""

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
        "central_addresses": [[each.address, each.port] for each in package.central_addresses],
        "database_key_oids": package.database_key_oids.texts(),
    }
    return {
        "manifest.json": json.dumps(manifest).encode(),
        ROOTS: roots,
        SERVICE: service,
        "machine/personal/cluster.pem": package.cluster.private_key + package.cluster.certificate,
        "user/personal/client.pem": package.client.private_key + package.client.certificate,
        COPIES[ROOTS]: roots,
        "exported/server.pem": package.service.certificate,
        "exported/server_key.pem": package.service.private_key,
        "exported/client.pem": package.client.certificate,
        "exported/client_key.pem": package.client.private_key,
    }


def _lists(generation: Path, roots: tuple[x509.Certificate, ...]) -> tuple[x509.CertificateRevocationList, ...]:
    """The lists of a generation; between the replacing of roots and lists one may be of a root that has gone."""
    path = generation / LISTS
    crls = revocation.load(path.read_bytes()) if path.exists() else ()
    return tuple(crl for crl in crls if any(crl.issuer == root.subject for root in roots))


def _without_choice_before(generation: Path, wanted: bytes) -> None:
    service, held = (generation / SERVICE).read_bytes(), generation / BROWSER
    if held.exists() and held.read_bytes() not in (service, wanted):
        replace(held, service)


class Store:
    """The folder given as `--home`."""

    def __init__(self, home: Path) -> None:
        self.home = home

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """One writer at a time, whichever process it is in."""
        make_folder(self.home)
        with (self.home / ".lock").open("w") as file:
            lock(file)
            yield

    def current(self) -> Installed | None:
        """The generation in force, None before the first installation."""
        link = self.home / "current"
        if not link.is_symlink():
            return None
        # Resolve once, so that a switch meanwhile does not mix two generations.
        path = link.resolve()
        manifest: dict[str, Any] = json.loads((path / "manifest.json").read_bytes())
        manifest["central_addresses"] = tuple(CentralAddress(*each) for each in manifest["central_addresses"])
        manifest["database_key_oids"] = Oids.parse(*manifest["database_key_oids"])

        def certificate(name: str) -> x509.Certificate:
            return x509.load_pem_x509_certificate((path / name).read_bytes())

        roots = tuple(x509.load_pem_x509_certificates((path / ROOTS).read_bytes()))
        return Installed(
            path=path,
            roots=roots,
            crls=_lists(path, roots),
            service=certificate("exported/server.pem"),
            client=certificate("exported/client.pem"),
            cluster=certificate("machine/personal/cluster.pem"),
            **manifest,
        )

    def install(self, package: Package, *, now: datetime) -> Installed:
        """Write the new generation beside the old, check it, switch. Raises: PackageInvalid (nothing changed), OSError."""
        verify.package(package, now=now)
        before = self.current()
        generations = self.home / "generations"
        staged, final = generations / f".{package.generation}.staged", generations / str(package.generation)
        shutil.rmtree(staged, ignore_errors=True)
        files = package_files(package)
        # Chosen before the switch, so that no browser is shown the other one in between.
        files[BROWSER] = browser.pem(
            self.chosen(), x509.load_pem_x509_certificate(package.service.certificate), files[SERVICE], folder=self.home, now=now
        )
        for name, content in files.items():
            write(staged / name, content)
        for name in (LISTS, COPIES[LISTS]):  # they are not in packages: what is known goes on counting
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
        """Trust these roots and honour these lists from now on, all PEM; each file is replaced in one step, the roots first.

        Raises: PackageInvalid (nothing changed), OSError.
        """
        installed = self.current()
        if installed is None:
            raise PackageInvalid("nothing is installed that could trust anything")
        verify.trust(roots, lists, own=(installed.service, installed.client))
        content = {ROOTS: b"".join(roots), LISTS: b"".join(lists)}
        for name in content:  # the copies first: what counts says only then that all of it is there
            replace(installed.path / COPIES[name], content[name])
        for name in content:
            replace(installed.path / name, content[name])
        changed = self.current()
        assert changed is not None
        return changed

    def chosen(self) -> BrowserChoice | None:
        """The browser-facing certificate that was chosen for this node. One that cannot be read counts as none: it is fetched again."""
        try:
            return browser.from_json((self.home / browser.CHOSEN).read_bytes())
        except (FileNotFoundError, ValueError):
            return None

    def choose(self, choice: BrowserChoice | None) -> None:
        """Keep what was chosen, beside the generations; `settle_browser` then puts it into use. Raises: OSError."""
        kept = self.home / browser.CHOSEN
        if choice is not None:
            replace(kept, browser.to_json(choice))
        elif kept.exists():
            kept.unlink()
            sync_folder(kept.parent)

    def settle_browser(self, *, now: datetime) -> bool:
        """Let browser.pem hold what was chosen while that can be used, else the service pair. Returns whether it changed. Raises: OSError."""
        installed = self.current()
        if installed is None:
            return False
        choice = self.chosen()
        if choice is None:
            self.choose(None)  # one that cannot be read may still hold a private key
        wanted = browser.pem(choice, installed.service, installed.service_pem.read_bytes(), folder=self.home, now=now)
        # A generation that is only kept for a rollback may hold the key of the choice before.
        for folder in (self.home / "generations").glob("[0-9]*"):
            if folder.resolve() != installed.path and (folder / SERVICE).exists():
                _without_choice_before(folder, wanted)
        if installed.browser_pem.exists() and installed.browser_pem.read_bytes() == wanted:
            return False
        replace(installed.browser_pem, wanted)
        return True

    def _switch(self, generation: int) -> Installed:
        _replace_link(self.home / "Exported Certificates/.Local Certificates", "../current/exported")
        _replace_link(self.home / "current", f"generations/{generation}")  # from here on it is in force
        installed = self.current()
        assert installed is not None
        return installed

    def files(self) -> dict[str, bytes]:
        """What a backup keeps, by path: the generation in force, the service pairs, and what was chosen for browsers. The links are made again."""
        installed = self.current()
        generation = [path for path in installed.path.rglob("*") if path.is_file()] if installed else []
        home, chosen = self.home.resolve(), (self.home / browser.CHOSEN).parent.glob("*.json")
        kept = sorted([*generation, *self.service_pairs(), *chosen])
        return {path.resolve().relative_to(home).as_posix(): path.read_bytes() for path in kept}

    def put_back(self, files: Mapping[str, bytes]) -> Installed:
        """Write what `files` returned, into an empty store. Raises: ValueError unless it holds exactly one generation."""
        parts = [name.split("/") for name in files]
        if any({"", ".", ".."} & set(each) for each in parts):
            raise ValueError("these are no places in a store")
        generations = {each[1] for each in parts if each[0] == "generations" and len(each) > 2}
        if {each[0] for each in parts} - {"generations", "service-pairs", "browser"} or len(generations) != 1:
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
        """The kept service pairs, one for each database key that is not retired; each folder has the name of its key id."""
        return sorted((self.home / "service-pairs").glob("*/service.pem"))

    def key_ring(self) -> KeyRing:
        """Every database key that a pair of this store opens. A pair that does not open hides no other."""
        installed, ring = self.current(), KeyRing({}, {})
        if installed is None:
            return ring
        for path in (installed.service_pem, *self.service_pairs()):
            try:
                pem = path.read_bytes()
                key = database_key.read(x509.load_pem_x509_certificate(pem), keys.from_pem(pem, own=True), installed.database_key_oids)
            except (OSError, ValueError, PKIError) as exc:
                ring.problems[str(path)] = str(exc)
            else:
                ring.keys.setdefault(key.key_id.hex(), key)
        return ring

    def forget_service_pairs(self, key_ids: Iterable[str]) -> None:
        """The keys are retired: nothing is sealed with them any more. The pair in use stays whatever it carries."""
        retired = set(key_ids)
        for path in self.service_pairs():
            if path.parent.name in retired:
                shutil.rmtree(path.parent)
        current = self.current()
        for folder in (self.home / "generations").iterdir():  # one that is only kept for a rollback may carry such a key too
            if current and folder.resolve() != current.path and self._key_id_in(folder, current.database_key_oids) in retired:
                shutil.rmtree(folder)

    def _key_id_in(self, generation: Path, oids: Oids) -> str:
        try:
            pem = (generation / SERVICE).read_bytes()
            return database_key.read(x509.load_pem_x509_certificate(pem), keys.from_pem(pem, own=True), oids).key_id.hex()
        except (OSError, ValueError, PKIError):
            return ""

    def _forget_old_generations(self) -> None:
        numbers = sorted(int(path.name) for path in (self.home / "generations").iterdir() if path.name.isdigit())
        for staged in (self.home / "generations").glob(".*.staged"):  # of an installation that was cut off
            shutil.rmtree(staged)
        for number in numbers[:-KEPT_GENERATIONS]:
            shutil.rmtree(self.home / "generations" / str(number))

    def keep_current_alone(self) -> None:
        """Remove every other generation, and each service pair that is damaged or that no root in force has issued."""
        installed = self.current()
        if installed is None:
            return
        for folder in (self.home / "generations").iterdir():
            if folder.resolve() != installed.path:
                shutil.rmtree(folder)
        for path in self.service_pairs():
            with contextlib.suppress(ValueError):
                if any(verify.is_issued_by(x509.load_pem_x509_certificate(path.read_bytes()), root) for root in installed.roots):
                    continue
            shutil.rmtree(path.parent)

    def discard(self) -> None:
        """Remove everything that was installed or staged. Raises: OSError."""
        (self.home / "current").unlink(missing_ok=True)
        for name in ("generations", "staging", "service-pairs", "browser", "Exported Certificates"):
            with contextlib.suppress(FileNotFoundError):
                shutil.rmtree(self.home / name)
