"""browser.pem has the chosen certificate while it can be used, else the service certificate, and never a part of one."""

import asyncio
import contextlib
import dataclasses
import json
import os
import shutil
import ssl
import stat
import sys
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from aiohttp import web
from cryptography import x509

from agent import backup, listeners, tls
from agent.__main__ import main
from agent.heartbeat import Caller
from agent.hook import Hook
from agent.state import State
from agent.store import Installed, Store
from pki.core import keys, verify
from pki.core.roles import Kind
from pki.exchange.package import Package
from pki.foreign import browser_choice
from pki.foreign.browser_choice import BrowserChoice
from pki.foreign.read import from_pem
from sitekit.authority import Authority
from tests.foreign_files import ODD, resigned
from tests.public_authority import Signed, intermediate, sign

DAY = timedelta(days=1)


def public(authority: Authority, *names: str, begins: timedelta = -DAY) -> Signed:
    return sign(issuer=intermediate(), names=names or ("rim1.example",), begins=authority.now + begins)


def choice_of(leaf: Signed) -> BrowserChoice:
    thumbprint = leaf.foreign.thumbprints[1]
    return BrowserChoice(thumbprint, (leaf.pem, intermediate().pem), keys.to_pem(leaf.key))


@pytest.fixture
def good(authority: Authority) -> BrowserChoice:
    return choice_of(public(authority))


@pytest.fixture(scope="module")
def installed_home(tmp_path_factory: pytest.TempPathFactory, package: Package, authority: Authority) -> Path:
    home = tmp_path_factory.mktemp("installed")
    Store(home).install(package, now=authority.now)
    return home


@pytest.fixture
def state(tmp_path: Path, installed_home: Path) -> State:
    shutil.copytree(installed_home, tmp_path / "home", symlinks=True)
    return State(tmp_path / "home")


@pytest.fixture
def status(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """The output of `agent status`."""

    def ask(state: State, *words: str) -> str:
        monkeypatch.setattr(sys, "argv", ["agent", "status", "--home", str(state.home), *words])
        assert main() == 0
        return capsys.readouterr().out

    return ask


def shown(state: State) -> str:
    installed = state.store.current()
    assert installed is not None
    return verify.fingerprint(installed.browser)


def sha256(choice: BrowserChoice) -> str:
    return verify.fingerprint(x509.load_pem_x509_certificate(choice.certificates[0]))


def use(state: State, choice: BrowserChoice | None, authority: Authority) -> None:
    state.store.choose(choice)
    state.update_browser_pem(now=authority.now)


def test_chosen_certificate_is_written_with_key_and_chain_to_one_private_file(
    state: State, authority: Authority, good: BrowserChoice
) -> None:
    use(state, good, authority)
    installed = state.store.current()
    assert [sha256(good), verify.fingerprint(intermediate().certificate)] == [
        verify.fingerprint(certificate) for certificate in x509.load_pem_x509_certificates(installed.browser_pem.read_bytes())
    ]
    tls.browser_context(installed)  # loads key and chain, and proves that they belong together
    for path in (installed.browser_pem, state.home / "browser/chosen.json"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    use(state, None, authority)
    assert installed.browser_pem.read_bytes() == installed.service_pem.read_bytes()
    assert not (state.home / "browser/chosen.json").exists()


@pytest.mark.parametrize("name", ["rim1.example", "RIM1.example", "127.0.0.2"])
def test_any_name_of_the_service_certificate_is_enough(state: State, authority: Authority, name: str) -> None:
    chosen = choice_of(public(authority, "elsewhere.example.net", name))
    use(state, chosen, authority)
    assert shown(state) == sha256(chosen)


WRONG = {
    "no-such-thumbprint": lambda authority: BrowserChoice("ab" * 20, (), None),
    "no-private-key": lambda authority: dataclasses.replace(choice_of(public(authority)), private_key=None),
    "expired": lambda authority: choice_of(public(authority, begins=-91 * DAY)),
    "not-valid-yet": lambda authority: choice_of(public(authority, begins=DAY)),
    "name-does-not-match": lambda authority: choice_of(public(authority, "rim2.example")),
    "unreadable": lambda authority: dataclasses.replace(choice_of(public(authority)), private_key=b"no key"),
}


@pytest.mark.parametrize("problem", WRONG)
def test_an_unusable_certificate_falls_back_with_a_reason(
    state: State, authority: Authority, good: BrowserChoice, problem: str, status: Callable[..., str]
) -> None:
    use(state, good, authority)
    wrong = WRONG[problem](authority)
    use(state, wrong, authority)
    installed = state.store.current()
    assert installed.browser_pem.read_bytes() == installed.service_pem.read_bytes()
    assert state.browser(installed, now=authority.now) == {"revision": wrong.revision, "problem": problem}
    assert f"browser: the service certificate, because the chosen one ({wrong.thumbprint}) cannot be used: " in status(state)


def odd_choice(authority: Authority, change: str) -> BrowserChoice:
    leaf = public(authority)
    content = resigned(leaf, intermediate(), ODD[change])
    return BrowserChoice(from_pem(content).thumbprints[1], (content, intermediate().pem), keys.to_pem(leaf.key))


def test_a_certificate_that_openssl_does_not_load_is_not_written(state: State, authority: Authority, good: BrowserChoice) -> None:
    use(state, good, authority)
    refused = odd_choice(authority, "bytes that are no UTF-8")
    use(state, refused, authority)
    installed = state.store.current()
    assert installed.browser_pem.read_bytes() == installed.service_pem.read_bytes()
    assert state.browser(installed, now=authority.now)["problem"] == "unreadable"


@pytest.mark.parametrize("change", sorted(ODD.keys() - {"bytes that are no UTF-8"}))
def test_a_certificate_that_only_openssl_loads_is_written_and_reported(state: State, authority: Authority, change: str) -> None:
    chosen = odd_choice(authority, change)
    use(state, chosen, authority)
    installed = state.store.current()
    tls.browser_context(installed)
    assert state.browser(installed, now=authority.now)["problem"] == ""
    assert verify.fingerprint(installed.browser) == chosen.thumbprint


def test_an_expired_certificate_falls_back_until_a_newer_one_is_chosen(state: State, authority: Authority) -> None:
    first, newer = choice_of(public(authority)), choice_of(public(authority, begins=60 * DAY))
    use(state, first, authority)
    assert not state.update_browser_pem(now=authority.now + 88 * DAY)
    assert shown(state) == sha256(first)
    assert state.update_browser_pem(now=authority.now + 90 * DAY)
    assert shown(state) == verify.fingerprint(state.store.current().service)
    state.store.choose(newer)
    assert state.update_browser_pem(now=authority.now + 90 * DAY)
    assert shown(state) == sha256(newer)


def test_a_new_generation_never_shows_the_fallback(state: State, package: Package, authority: Authority, good: BrowserChoice) -> None:
    use(state, good, authority)
    seen, ended = set[tuple[int, str]](), threading.Event()

    def look() -> None:
        while not ended.is_set():
            installed = state.store.current()
            seen.add((installed.generation, verify.fingerprint(installed.browser)))

    looking = threading.Thread(target=look)
    looking.start()
    for generation in (2, 3):
        state.store.install(dataclasses.replace(package, generation=generation), now=authority.now)
    ended.set()
    looking.join()
    assert {fingerprint for _, fingerprint in seen} == {sha256(good)}
    assert state.store.current().generation == 3


def test_generation_under_another_name_falls_back_in_the_same_step(
    state: State, package: Package, authority: Authority, good: BrowserChoice
) -> None:
    """The names of the new service certificate decide, not those of the previous one."""
    use(state, good, authority)
    renamed = dataclasses.replace(
        package, generation=2, host_name="rim9.test", service=authority.pair(Kind.SERVICE, common_name="rim9.test")
    )
    installed = state.store.install(renamed, now=authority.now)
    assert verify.fingerprint(installed.browser) == verify.fingerprint(installed.service)


def test_key_of_a_former_choice_is_removed_everywhere(state: State, package: Package, authority: Authority, good: BrowserChoice) -> None:
    use(state, good, authority)
    state.store.install(dataclasses.replace(package, generation=2), now=authority.now)
    assert len(keepers(state.home, good.private_key)) == 3  # the choice, and the generations in force and before
    state.store.choose(None)  # and here the agent was killed
    assert keepers(state.home, good.private_key) != []
    State(state.home).update_browser_pem(now=authority.now)
    assert keepers(state.home, good.private_key) == []


def keepers(home: Path, secret: bytes) -> list[Path]:
    """The files that have the secret, or a line of it as in JSON."""
    line = secret.splitlines()[1]
    return [path for path in home.rglob("*") if path.is_file() and not path.is_symlink() and line in path.read_bytes()]


def test_killed_between_the_choice_and_its_use(state: State, authority: Authority, good: BrowserChoice) -> None:
    state.store.choose(good)  # and here the agent was killed
    assert shown(state) == verify.fingerprint(state.store.current().service)
    again = State(state.home)
    assert again.update_browser_pem(now=authority.now)
    assert shown(again) == sha256(good)
    assert not again.update_browser_pem(now=authority.now)


@pytest.mark.parametrize("kept", [b"", b"{}", b"[" * 100000, b'{"thumbprint": "x", "certificates": 1, "private_key": null}', b"\xff"])
def test_a_stored_choice_that_cannot_be_read_is_fetched_again(state: State, authority: Authority, good: BrowserChoice, kept: bytes) -> None:
    use(state, good, authority)
    (state.home / "browser/chosen.json").write_bytes(kept)
    assert state.browser(state.store.current(), now=authority.now) == {"revision": "", "problem": ""}
    state.update_browser_pem(now=authority.now)
    assert shown(state) == verify.fingerprint(state.store.current().service)
    assert not (state.home / "browser/chosen.json").exists()


@pytest.mark.parametrize("left", [b"nothing that loads", None])
def test_browsers_are_served_if_browser_pem_does_not_load(state: State, left: bytes | None) -> None:
    installed = state.store.current()
    installed.browser_pem.write_bytes(left) if left else installed.browser_pem.unlink()
    server, client = ssl.MemoryBIO(), ssl.MemoryBIO()
    answering = tls.browser_context(installed).wrap_bio(client, server, server_side=True)
    calling = tls.unverified_context(installed).wrap_bio(server, client)
    for side in (calling, answering, calling):
        with contextlib.suppress(ssl.SSLWantReadError):
            side.do_handshake()
    assert verify.fingerprint(calling.getpeercert(binary_form=True)) == verify.fingerprint(installed.service)


def test_backup_restore_and_remove_include_the_choice(state: State, authority: Authority, good: BrowserChoice, tmp_path: Path) -> None:
    use(state, good, authority)
    backup.backup(state.home, tmp_path / "b.tar")
    backup.restore(tmp_path / "other", tmp_path / "b.tar")
    other = State(tmp_path / "other")
    assert shown(other) == sha256(good)
    assert other.store.chosen() == good
    other.remove()
    assert [path.name for path in (tmp_path / "other").iterdir()] == [".lock"]


# What the central node says and sends.


@dataclasses.dataclass
class Central:
    """The node API of a central node, as far as a heartbeat needs it."""

    answer: dict
    sealed: bytes | None = None
    reports: list[dict] = dataclasses.field(default_factory=list)
    fetched: int = 0

    def application(self) -> web.Application:
        async def heartbeat(request: web.Request) -> web.Response:
            self.reports.append(await request.json())
            return web.json_response({"interval_s": 60} | self.answer)

        async def certificate(request: web.Request) -> web.Response:
            self.fetched += 1
            return web.Response(body=self.sealed) if self.sealed else web.Response(status=404)

        application = web.Application()
        application.router.add_post("/api/v1/heartbeat/", heartbeat)
        application.router.add_get("/api/v1/browser-certificate/", certificate)
        return application


@pytest.fixture(scope="module")
def central_store(tmp_path_factory: pytest.TempPathFactory, package: Package, authority: Authority) -> Installed:
    own = authority.pair(Kind.SERVICE, common_name="central.example")
    content = dataclasses.replace(package, host_name="central.example", service=own)
    return Store(tmp_path_factory.mktemp("central")).install(content, now=authority.now)


@pytest.fixture
def calling(state: State, central_store: Installed):
    """A central node with the answer `answer`: the agent's caller, and the requests that the central node got."""
    context = tls.server_context(central_store)
    address = f"127.{os.getpid() % 20 + 110}.9.2"

    @asynccontextmanager
    async def call(answer: dict, sealed: bytes | None = None) -> AsyncIterator[tuple[Caller, Central]]:
        central = Central(answer, sealed)
        listener = listeners.Listener(central.application(), address, 0)
        await listener.start(context)
        state.set_central(address, listener.listening.getsockname()[1], None)
        try:
            yield Caller(state, address, 1, listening=False), central
        finally:
            await listener.stop()

    return call


def test_choice_is_fetched_used_and_reported(calling, state: State, good: BrowserChoice) -> None:
    async def walk() -> None:
        service = state.store.current().service
        async with calling({"browser": good.revision}, browser_choice.seal(good, service)) as (caller, central):
            assert await caller.heartbeat() == (0, True)
            assert await caller.heartbeat() == (60, False)
            assert central.fetched == 1
            central.answer = {}  # an older central node: nothing changes
            assert await caller.heartbeat() == (60, False)
            central.answer = {"browser": ""}
            assert await caller.heartbeat() == (0, True)
            await caller.heartbeat()
        reported = [(report["installed"]["browser"], report["browser"]["revision"]) for report in central.reports]
        fallback = verify.fingerprint(service)
        assert reported == [(fallback, ""), *[(sha256(good), good.revision)] * 3, (fallback, "")]
        assert {report["browser"]["problem"] for report in central.reports} == {""}

    asyncio.run(walk())


def test_a_key_that_the_console_could_not_decrypt_is_fetched_again(calling, state: State, good: BrowserChoice) -> None:
    async def walk() -> None:
        service = state.store.current().service
        without = browser_choice.seal(dataclasses.replace(good, private_key=None), service)
        async with calling({"browser": good.revision}, without) as (caller, central):
            assert await caller.heartbeat() == (0, True)
            assert await caller.heartbeat() == (60, False)
            assert central.reports[-1]["browser"]["problem"] == "no-private-key"
            central.sealed = browser_choice.seal(good, service)
            assert await caller.heartbeat() == (0, True)
            assert await caller.heartbeat() == (60, False)
            assert central.reports[-1]["installed"]["browser"] == sha256(good)
            assert central.fetched == 3

    asyncio.run(walk())


def test_an_incomplete_answer_changes_nothing(
    calling, state: State, authority: Authority, good: BrowserChoice, central_store: Installed, caplog: pytest.LogCaptureFixture
) -> None:
    use(state, good, authority)
    other = choice_of(public(authority, "rim1.example", "further.example"))
    service = state.store.current().service
    answers = {
        "nothing there": None,
        "cut": browser_choice.seal(other, service)[:-40],
        "no JWE": b"<html>",
        "another node's": browser_choice.seal(other, central_store.service),
        "not what was named": browser_choice.seal(good, service),
    }

    async def walk() -> None:
        for sealed in answers.values():
            async with calling({"browser": other.revision}, sealed) as (caller, central):
                assert await caller.heartbeat() == (60, False)
                assert central.fetched == 1

    asyncio.run(walk())
    assert len([message for message in caplog.messages if "was not installed" in message]) == len(answers)
    assert shown(state) == sha256(good)
    assert state.store.chosen() == good


@pytest.mark.parametrize("place", ["browser/.chosen.json.new", "current/machine/personal/.browser.pem.new"])
def test_a_failed_write_is_tried_again(calling, state: State, good: BrowserChoice, place: str) -> None:
    """A folder with the name of the file causes the same error as a full disk."""
    obstacle = state.home / place
    obstacle.mkdir(parents=True)

    async def walk() -> None:
        async with calling({"browser": good.revision}, browser_choice.seal(good, state.store.current().service)) as (caller, central):
            for _ in range(2):
                assert (await caller.heartbeat())[1] is False
                assert shown(state) == verify.fingerprint(state.store.current().service)
            shutil.rmtree(obstacle)
            await caller.heartbeat()
            await caller.heartbeat()
            assert central.reports[-1]["installed"]["browser"] == shown(state) == sha256(good)

    asyncio.run(walk())


def test_an_expired_choice_is_removed_without_the_central_node(state: State, authority: Authority) -> None:
    state.store.choose(choice_of(public(authority, begins=-91 * DAY)))
    state.store.current().browser_pem.write_bytes(b"as it was yesterday")
    state.set_central("127.0.0.1", 1, None)
    with pytest.raises(OSError):
        asyncio.run(Caller(state, "127.0.0.1", 1, listening=False).heartbeat())
    assert shown(state) == verify.fingerprint(state.store.current().service)


SCRIPT = "import os, sys; open(sys.argv[1], 'a').write(os.environ['QMC_WHAT'] + '\\n')"


def test_hook_runs_for_the_browser_alone_and_not_twice(
    state: State, package: Package, authority: Authority, good: BrowserChoice, tmp_path: Path
) -> None:
    async def follow() -> None:
        hook = Hook(state, (sys.executable, "-I", "-c", SCRIPT, str(tmp_path / "runs")), lambda: None)
        hook.follow(state.store.current())
        if hook.running:
            await hook.running

    async def walk() -> None:
        await follow()
        use(state, good, authority)
        await follow()
        await follow()
        state.store.install(dataclasses.replace(package, generation=2), now=authority.now)  # the chosen one goes on
        await follow()
        use(state, None, authority)
        await follow()
        await follow()

    asyncio.run(walk())
    assert (tmp_path / "runs").read_text().split() == ["certificates", "browser", "certificates", "browser"]
    assert "PRIVATE" not in (state.home / "agent.json").read_text()


def test_status_names_the_browser_certificate(state: State, authority: Authority, good: BrowserChoice, status: Callable[..., str]) -> None:
    assert "browser: the service certificate, because no other is chosen\n" in status(state)
    use(state, good, authority)
    assert f"browser: the chosen certificate {good.thumbprint}\n" in status(state)
    assert json.loads(status(state, "--json"))["browser"] == {"revision": good.revision, "problem": ""}
    assert "PRIVATE" not in status(state) + status(state, "--json")
