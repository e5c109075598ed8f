"""Every remedy that the product names for browser certificates is carried out, and solves the problem."""

import functools
import io
import shutil
import subprocess
import zipfile
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path as Folder
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat, pkcs12
from cryptography.x509.oid import ExtendedKeyUsageOID
from django.db import connection

from agent.store import Installed
from audit.actors import SYSTEM
from nodes.browser_certificates.services import (
    browser_certificate_answer,
    browser_certificate_choose,
    browser_certificate_delete,
    browser_certificate_request,
    browser_certificate_upload,
    choice_for,
    chosen_certificate,
)
from nodes.browser_certificates.verdict import findings, names_findings
from nodes.browser_certificates.view_models import browser_status
from nodes.errors import ChoiceBlocked, IllegalNodeTransition, InputInvalid
from nodes.models import BrowserCertificate, Node, Observation
from pki.core import ber, keys
from pki.core.roles import Role, role_extension
from pki.foreign import browser_choice, browser_facing
from pki.foreign.remedies import Remedy
from pki.foreign.uploaded import LARGEST_BYTES, File
from tests import factories
from tests.public_authority import NOW, SERVER, Signed, intermediate, p256, root, sign
from tests.slow import one_of

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
WORD = "secret"


@functools.cache
def made(**more: Any) -> Signed:
    """A certificate for the node that is in order, but for what is asked."""
    asked = {"issuer": intermediate(), "key": p256(5), "names": ("rim1.example",)}
    return sign(**(asked | more))


def key_pem(of: Signed, passphrase: str = "", form: PrivateFormat = PrivateFormat.PKCS8) -> bytes:
    sealed = BestAvailableEncryption(passphrase.encode()) if passphrase else NoEncryption()
    return bytes(of.key.private_bytes(Encoding.PEM, form, sealed))


def authority(name: str, issuer: Signed, **more: Any) -> Signed:
    asked = {"key": p256(sum(name.encode())), "names": (), "ca": True, "purposes": (), "usage": ("key_cert_sign",), "days": 3000}
    return sign(name, issuer=issuer, **(asked | more))


class World:
    """A console with one node, and a person who follows what it says."""

    def __init__(self, folder: Folder) -> None:
        self.folder = folder
        self.node = factories.node(at=NOW)

    def upload(self, *contents: bytes, passphrase: str = "", now: datetime = NOW) -> BrowserCertificate:
        files = [File(f"{number}.pem", content) for number, content in enumerate(contents)]
        return browser_certificate_upload(actor=SYSTEM, files=files, passphrase=passphrase, now=now)

    def bring(self, leaf: Signed, *above: Signed) -> BrowserCertificate:
        return self.upload(*(certificate.pem for certificate in (leaf, *above)), key_pem(leaf))

    def add(self, certificate: BrowserCertificate, *contents: bytes) -> BrowserCertificate:
        files = [File(f"{number}.pem", content) for number, content in enumerate(contents)]
        return browser_certificate_answer(actor=SYSTEM, certificate=certificate, files=files, now=NOW)

    def request(self) -> BrowserCertificate:
        return browser_certificate_request(actor=SYSTEM, host_names=["rim1.example"], key_type="EC P-256", now=NOW)

    def signed_for(self, waiting: BrowserCertificate, **more: Any) -> Signed:
        key = keys.from_pem(waiting.private_key.open())
        assert x509.load_pem_x509_csr(waiting.csr.encode()).public_key() == key.public_key()
        return made(key=key, **more)

    def choose(self, certificate: BrowserCertificate, now: datetime = NOW) -> Node:
        self.node = browser_certificate_choose(actor=SYSTEM, node=self.node, thumbprint=certificate.thumbprint, now=now)
        return self.node

    def hears(self, **fields: Any) -> None:
        Observation.objects.update_or_create(node=self.node, defaults={"last_seen_at": NOW} | fields)
        self.node = Node.objects.get()

    def is_delivered(self, now: datetime = NOW) -> bool:
        """Whether the node gets what was chosen for it, and can use it."""
        node = Node.objects.get()
        choice = choice_for(node, chosen_certificate(node), with_key=True)
        return choice is not None and browser_choice.usable(choice, names=["rim1.example"], now=now) == ""

    def says(self, certificate: BrowserCertificate, remedy: Remedy, *, level: str = "blocker", now: datetime = NOW) -> None:
        found = [*findings(certificate, now=now), *names_findings(certificate, [self.node])]
        assert [finding.level for finding in found if finding.remedy.startswith(remedy)] == [level], found

    def refuses(self, remedy: Remedy, act: Callable[[], object]) -> None:
        with pytest.raises((InputInvalid, IllegalNodeTransition, ChoiceBlocked)) as refused:
            act()
        assert remedy in str(getattr(refused.value, "errors", refused.value))

    def is_fine(self, certificate: BrowserCertificate, now: datetime = NOW) -> None:
        """It can be chosen, and the node then has it."""
        self.choose(certificate, now)
        assert self.is_delivered(now)


@pytest.fixture
def world(zone: Installed, tmp_path: Folder) -> World:
    return World(tmp_path)


def by_another(remedy: Remedy, *, level: str = "blocker", above: tuple[Signed, ...] = (), **more: Any) -> Callable[[World], None]:
    """What is wrong with one certificate is not with the next: of an upload, and of the answer to a request."""

    def walk(world: World) -> None:
        wrong = world.bring(made(**more), *(above or (intermediate(),)))
        world.says(wrong, remedy, level=level)
        if level == "blocker":
            with pytest.raises(ChoiceBlocked):
                world.choose(wrong)
        world.is_fine(world.bring(made(key=p256(6)), intermediate()))
        if "key" not in more:
            waiting = world.request()
            answered = world.add(
                waiting, world.signed_for(waiting, **more).pem, *(certificate.pem for certificate in above or (intermediate(),))
            )
            world.says(answered, remedy, level=level)
            world.is_fine(world.add(answered, world.signed_for(waiting).pem, intermediate().pem))

    return walk


def by_other_files(
    remedy: Remedy,
    wrong: Callable[[World], list[bytes]],
    right: Callable[[World], list[bytes]] | None = None,
    *,
    typed: str = "",
    after: str = "",
) -> Callable[[World], None]:
    """Files that were refused, and those that the words ask for."""

    def walk(world: World) -> None:
        world.refuses(remedy, lambda: world.upload(*wrong(world), passphrase=typed))
        world.is_fine(world.upload(*(right or wrong)(world), passphrase=after))

    return walk


def all_pem(world: World) -> list[bytes]:
    return [made().pem, intermediate().pem, key_pem(made())]


def a_pfx(rounds: int = 2048, *, key: bool = True) -> bytes:
    sealed = PrivateFormat.PKCS12.encryption_builder().kdf_rounds(rounds).build(WORD.encode())
    leaf = made()
    return pkcs12.serialize_key_and_certificates(b"w", leaf.key if key else None, leaf.certificate, [intermediate().certificate], sealed)


def zipped(world: World) -> list[bytes]:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as file:
        file.writestr("all.pem", b"".join(all_pem(world)))
    return [held.getvalue()]


def add_issuer(world: World) -> None:
    """By adding to what is here, by the same upload with its chain, to an answer, two of them one by one, and while it is chosen."""
    for complete in (
        lambda request, leaf: world.add(request, intermediate().pem),
        lambda _, leaf: world.bring(leaf, intermediate()),
    ):
        leaf = made(key=p256(11 + BrowserCertificate.objects.count()))
        alone = world.bring(leaf)
        world.says(alone, Remedy.ADD_ISSUER)
        completed = complete(alone, leaf)
        assert (completed.pk, len(completed.certificates)) == (alone.pk, 2)
        world.is_fine(completed)
    waiting = world.request()
    answered = world.add(waiting, world.signed_for(waiting).pem)
    world.says(answered, Remedy.ADD_ISSUER)
    world.is_fine(world.add(answered, intermediate().pem))
    high = authority("High", root())
    low = authority("Low", high)
    step = world.bring(made(issuer=low, key=p256(15)), root())
    world.says(step, Remedy.ADD_ISSUER)
    world.is_fine(world.add(world.add(step, low.pem), high.pem))


def add_issuer_to_what_is_chosen(world: World) -> None:
    leaf = made()
    browser_certificate_choose(actor=SYSTEM, node=world.node, thumbprint=leaf.foreign.thumbprints[1], now=NOW)
    alone = world.bring(leaf)
    assert not world.is_delivered()
    before = choice_for(Node.objects.get(), alone).revision
    world.add(alone, intermediate().pem)
    assert world.is_delivered()
    assert choice_for(Node.objects.get(), chosen_certificate(Node.objects.get())).revision != before


def current_issuers(world: World) -> None:
    stale, fresh = (authority("CA", root(), begins=begins, days=90) for begins in (NOW - 91 * DAY, NOW - DAY))
    kept = world.bring(made(issuer=fresh), stale)
    world.says(kept, Remedy.CURRENT_ISSUERS)
    world.is_fine(world.add(kept, fresh.pem))
    soon = authority("CA", root(), begins=NOW - 86 * DAY, days=90)
    kept = world.bring(made(issuer=fresh, key=p256(7)), soon)
    world.says(kept, Remedy.CURRENT_ISSUERS, level="warning")
    kept = world.add(kept, fresh.pem)
    assert [finding.code for finding in findings(kept, now=NOW) if finding.level != "ok"] == []


def with_its_key(world: World) -> None:
    kept = world.bring(made(), intermediate())
    world.choose(kept)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE nodes_browsercertificate SET private_key = %s", [b"x" * 80])
    kept = BrowserCertificate.objects.get()
    world.says(kept, Remedy.UPLOAD_WITH_KEY)
    assert not world.is_delivered()
    world.refuses(Remedy.UPLOAD_WITH_KEY, lambda: world.add(kept, root().pem))
    assert world.bring(made(), intermediate()).pk == kept.pk
    assert world.is_delivered()


def another_request(world: World) -> None:
    waiting = world.request()
    signed = world.signed_for(waiting)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE nodes_browsercertificate SET private_key = %s", [b"x" * 80])
    world.refuses(Remedy.ANOTHER_REQUEST, lambda: world.add(BrowserCertificate.objects.get(), signed.pem))
    waiting = world.request()
    world.is_fine(world.add(waiting, world.signed_for(waiting).pem, intermediate().pem))


def another_name(world: World) -> None:
    Node.objects.update(host_name="rim1.internal", subject_alternative_names=["rim1.example"])
    world.node = Node.objects.get()
    kept = world.bring(made(), intermediate())
    world.says(kept, Remedy.CALL_BY_THAT_NAME, level="warning")
    world.is_fine(kept)


def wait(world: World) -> None:
    kept = world.bring(made(begins=NOW + DAY), intermediate())
    world.says(kept, Remedy.WAIT, level="warning")
    world.choose(kept)
    assert (world.is_delivered(NOW), world.is_delivered(NOW + 2 * DAY)) == (False, True)
    assert [finding.level for finding in findings(kept, now=NOW + 2 * DAY) if finding.level != "ok"] == []


def choose_and_delete(world: World) -> None:
    kept = world.bring(made(), intermediate())
    world.choose(kept)
    BrowserCertificate.objects.update(certificates=["nothing"])
    kept = BrowserCertificate.objects.get()
    found = findings(kept, now=NOW)
    assert [finding.remedy for finding in found] == [Remedy.CHOOSE_AND_DELETE]
    world.refuses(Remedy.CHOOSE_FIRST, lambda: browser_certificate_delete(actor=SYSTEM, certificate=kept, now=NOW))
    world.is_fine(world.bring(made(key=p256(6)), intermediate()))
    browser_certificate_delete(actor=SYSTEM, certificate=kept, now=NOW)
    assert BrowserCertificate.objects.count() == 1


def by_what_the_node_says(problem: str, remedy: Remedy, follow: Callable[[World], None]) -> Callable[[World], None]:
    def walk(world: World) -> None:
        leaf = made()
        browser_certificate_choose(actor=SYSTEM, node=world.node, thumbprint=leaf.foreign.thumbprints[1], now=NOW)
        if problem != browser_choice.NO_SUCH_THUMBPRINT:
            world.bring(leaf, intermediate())
        revision = choice_for(Node.objects.get(), chosen_certificate(Node.objects.get())).revision
        world.hears(browser={"revision": revision, "problem": problem})
        assert browser_status(world.node).remedy == remedy
        follow(world)
        assert world.is_delivered()

    return walk


def as_new(world: World) -> None:
    waiting = world.request()
    world.refuses(Remedy.AS_NEW, lambda: world.add(waiting, *all_pem(world)))
    world.is_fine(world.upload(*all_pem(world)))


def this_request(world: World) -> None:
    waiting = world.request()
    world.refuses(Remedy.SEND_THIS_REQUEST, lambda: world.add(waiting, made().pem))
    world.is_fine(world.add(waiting, world.signed_for(waiting).pem, intermediate().pem))


def send_request(world: World) -> None:
    csr = browser_facing.request(p256(5), ["rim1.example"])
    world.refuses(Remedy.SEND_REQUEST, lambda: world.upload(csr))
    world.is_fine(world.upload(*all_pem(world)))


def issuer_named(world: World) -> None:
    kept = world.bring(made())
    world.refuses(Remedy.ISSUER_NAMED, lambda: world.add(kept, authority("Stranger", root()).pem))
    (missing,) = [finding for finding in findings(kept, now=NOW) if finding.remedy.startswith(Remedy.ADD_ISSUER)]
    assert "CN=Public CA 7" in missing.title
    world.is_fine(world.add(kept, intermediate().pem))


def choose_that(world: World) -> None:
    kept = world.bring(made(), intermediate())
    world.refuses(Remedy.CHOOSE_THAT, lambda: world.bring(made(), intermediate()))
    world.is_fine(kept)


def converted(world: World) -> list[bytes]:
    if shutil.which("ssh-keygen") is None:
        pytest.skip("ssh-keygen is not installed (Debian: openssh-client)")
    file = world.folder / "key"
    file.write_bytes(key_pem(made(), form=PrivateFormat.OpenSSH))
    file.chmod(0o600)
    subprocess.run(["ssh-keygen", "-p", "-m", "PKCS8", "-f", file, "-N", "", "-q"], check=True, capture_output=True)
    return [made().pem, intermediate().pem, file.read_bytes()]


def trust_root(world: World) -> None:
    """Nothing is to be done: a node serves its own service certificate without any choice."""
    assert choice_for(world.node, None) is None
    assert browser_status(world.node).state == "none"


LONG_KEY = rsa.generate_private_key(65537, 2048)
WALKS: dict[Remedy, Callable[[World], None]] = {
    Remedy.ANOTHER_CERTIFICATE: by_another(Remedy.ANOTHER_CERTIFICATE, begins=NOW - 91 * DAY),
    Remedy.SUCCESSOR: by_another(Remedy.SUCCESSOR, level="warning", begins=NOW - 80 * DAY),
    Remedy.SERVER_CERTIFICATE: by_another(Remedy.SERVER_CERTIFICATE, purposes=(ExtendedKeyUsageOID.CLIENT_AUTH,)),
    Remedy.HOST_NAMES: by_another(Remedy.HOST_NAMES, names=("*", "rim1.example"), level="warning"),
    Remedy.NAME_OF_NODE: by_another(Remedy.NAME_OF_NODE, names=("elsewhere.example",)),
    Remedy.COMMON_KEY: by_another(Remedy.COMMON_KEY, key=ed25519.Ed25519PrivateKey.generate()),
    Remedy.SHORTER: by_another(Remedy.SHORTER, level="warning", days=900),
    Remedy.STAPLE: by_another(Remedy.STAPLE, level="warning", further=(x509.TLSFeature([x509.TLSFeatureType.status_request]),)),
    Remedy.CALL_BY_THAT_NAME: another_name,
    Remedy.ADD_ISSUER: add_issuer,
    Remedy.CURRENT_ISSUERS: current_issuers,
    Remedy.ADD_AUTHORITY: by_another(Remedy.ADD_AUTHORITY, level="warning", issuer=None),
    Remedy.TRUST_ROOT: trust_root,
    Remedy.WAIT: wait,
    Remedy.UPLOAD_WITH_KEY: with_its_key,
    Remedy.UPLOAD_CHOSEN: by_what_the_node_says(
        browser_choice.NO_SUCH_THUMBPRINT, Remedy.UPLOAD_CHOSEN, lambda world: world.bring(made(), intermediate()) and None
    ),
    Remedy.WAIT_OR_SET_CLOCK: by_what_the_node_says(browser_choice.NOT_VALID_YET, Remedy.WAIT_OR_SET_CLOCK, lambda world: None),
    Remedy.UPDATE_AGENT: by_what_the_node_says(browser_choice.UNREADABLE, Remedy.UPDATE_AGENT, lambda world: None),
    Remedy.CHOOSE_FIRST: choose_and_delete,
    Remedy.CHOOSE_AND_DELETE: choose_and_delete,
    Remedy.SITE_CERTIFICATE: by_another(Remedy.SITE_CERTIFICATE, further=(role_extension(Role.SERVICE),)),
    Remedy.EXPORT_AGAIN: by_other_files(Remedy.EXPORT_AGAIN, lambda world: [a_pfx()[:-30]], lambda world: [a_pfx()], typed=WORD, after=WORD),
    Remedy.EXPORT_ORDINARY: by_other_files(
        Remedy.EXPORT_ORDINARY, lambda world: [a_pfx(3_000_001)], lambda world: [a_pfx(600_000)], typed=WORD, after=WORD
    ),
    Remedy.EXPORT_WITH_KEY: by_other_files(
        Remedy.EXPORT_WITH_KEY, lambda world: [a_pfx(key=False)], lambda world: [a_pfx()], typed=WORD, after=WORD
    ),
    Remedy.CHOOSE_FILES: by_other_files(Remedy.CHOOSE_FILES, lambda world: [], all_pem),
    Remedy.FEWER_FILES: by_other_files(Remedy.FEWER_FILES, lambda world: [*all_pem(world), b"x" * LARGEST_BYTES], all_pem),
    Remedy.UNPACK: by_other_files(Remedy.UNPACK, zipped, all_pem),
    Remedy.SEND_REQUEST: send_request,
    Remedy.TYPE_PASSPHRASE: by_other_files(Remedy.TYPE_PASSPHRASE, lambda world: [a_pfx()], after=WORD),
    Remedy.RIGHT_PASSPHRASE: by_other_files(Remedy.RIGHT_PASSPHRASE, lambda world: [a_pfx()], typed="another", after=WORD),
    Remedy.SHORTER_KEY: by_other_files(
        Remedy.SHORTER_KEY, lambda world: [made().pem, long_key()],
        lambda world: [made(key=LONG_KEY).pem, intermediate().pem, key_pem(made(key=LONG_KEY))],
    ),
    Remedy.CONVERT_KEY: by_other_files(
        Remedy.CONVERT_KEY, lambda world: [made().pem, intermediate().pem, key_pem(made(), form=PrivateFormat.OpenSSH)], converted
    ),
    Remedy.CHOOSE_KEY_TOO: by_other_files(Remedy.CHOOSE_KEY_TOO, lambda world: all_pem(world)[:2], all_pem),
    Remedy.CHOOSE_CERTIFICATE_TOO: by_other_files(Remedy.CHOOSE_CERTIFICATE_TOO, lambda world: all_pem(world)[2:], all_pem),
    Remedy.CHOOSE_ITS_KEY: by_other_files(Remedy.CHOOSE_ITS_KEY, lambda world: [made().pem, key_pem(root())], all_pem),
    Remedy.ONE_KEY: by_other_files(Remedy.ONE_KEY, lambda world: [*all_pem(world), root().pem, key_pem(root())], all_pem),
    Remedy.AS_NEW: as_new,
    Remedy.SEND_THIS_REQUEST: this_request,
    Remedy.ISSUER_NAMED: issuer_named,
    Remedy.ANOTHER_REQUEST: another_request,
    Remedy.CHOOSE_THAT: choose_that,
}  # fmt: skip


def long_key() -> bytes:
    """An RSA key with a modulus of 8300 bits; nobody computes with it."""
    numbers = (0, 2**8300 + 1, 65537, 3, 5, 7, 9, 11, 13)
    return ber.pem("RSA PRIVATE KEY", ber.der(0x30, *(ber.der(2, number.to_bytes(number.bit_length() // 8 + 1)) for number in numbers)))


def test_every_remedy_is_walked() -> None:
    assert set(WALKS) == set(Remedy)


@pytest.mark.parametrize("remedy", one_of(3, Remedy), ids=lambda member: member.name)
def test_the_remedy_works(remedy: Remedy, world: World) -> None:
    WALKS[remedy](world)


def test_a_chosen_one_is_completed_and_the_node_gets_it(world: World) -> None:
    add_issuer_to_what_is_chosen(world)


def test_a_chosen_one_is_not_replaced_by_what_its_node_cannot_use(world: World) -> None:
    waiting = world.request()
    kept = world.add(waiting, world.signed_for(waiting).pem, intermediate().pem)
    world.choose(kept)
    for wrong in ({"names": ("elsewhere.example",)}, {"purposes": (ExtendedKeyUsageOID.CLIENT_AUTH,)}, {"begins": NOW - 91 * DAY}):
        with pytest.raises(ChoiceBlocked):
            world.add(kept, world.signed_for(waiting, **wrong).pem)
    assert world.is_delivered()
    longer = world.signed_for(waiting, days=200, purposes=SERVER)
    world.add(kept, longer.pem)
    assert (Node.objects.get().browser_thumbprint, world.is_delivered()) == (longer.foreign.thumbprints[0], True)
