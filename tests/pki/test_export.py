"""openssl, GnuTLS, Java and node.js open exports in every format."""

import shutil
import socket
import subprocess
import threading
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, pkcs12
from hypothesis import given
from hypothesis import strategies as st

from agent.store import Store
from agent.tls import server_context
from pki.core import keys
from pki.core.errors import ProfileError
from pki.core.keys import KeyType
from pki.core.pair import Pair
from pki.core.roles import Kind
from pki.exchange.package import Package
from pki.foreign import export
from pki.foreign.export import Content, Format, Shape, password_problem
from pki.issuing import issue
from sitekit.authority import Authority, make_authority
from tests.slow import one_of

PASSWORD = "a Password, 7 signs: #~\"'\\$"
MACHINE = "reports.example"
SHAPES = {
    "pem": Shape(Format.PEM, PASSWORD),
    "pem with root": Shape(Format.PEM, PASSWORD, include_ca=True),
    "pem in the clear": Shape(Format.PEM, ""),
    "windows": Shape(Format.WINDOWS, PASSWORD),
    "windows with root": Shape(Format.WINDOWS, PASSWORD, include_ca=True),
    "legacy windows": Shape(Format.WINDOWS, PASSWORD, include_ca=True, legacy=True),
}
PEM_FILES = {"root.pem", "server.pem", "server_key.pem", "client.pem", "client_key.pem"}


def tool(name: str) -> str:
    """The path of the program. Skips the test with the name of its package."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed; scripts/system-packages installs it")
    return found


def run(*words: object, said: str = "") -> str:
    ended = subprocess.run([*map(str, words)], capture_output=True, text=True, check=False, input=said, timeout=60)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout + ended.stderr


@dataclass(frozen=True)
class Made:
    """The files of an export in a folder."""

    folder: Path
    shape: Shape

    def __truediv__(self, name: str) -> Path:
        return self.folder / name


def pair(authority: Authority, kind: Kind, key_type: KeyType) -> Pair:
    key = keys.generate(key_type)
    name = MACHINE if kind is Kind.SERVICE else "QlikClient"
    request = issue.Request(kind, name, (), key.public_key(), 60, is_export=True)
    plan = issue.prepare(request, issuer_certificate=authority.certificate, now=authority.now)
    return Pair(issue.pem(issue.sign(plan, authority.key)), keys.to_pem(key))


@pytest.fixture(scope="module")
def content(authority: Authority) -> Content:
    root = authority.certificate.public_bytes(Encoding.PEM)
    return Content(pair(authority, Kind.SERVICE, KeyType.RSA_2048), pair(authority, Kind.CLIENT, KeyType.EC_P256), (root,))


@pytest.fixture(scope="module")
def legacy_content(authority: Authority, content: Content) -> Content:
    return Content(content.service, pair(authority, Kind.CLIENT, KeyType.RSA_2048), content.roots)


@pytest.fixture(scope="module", params=SHAPES.values(), ids=SHAPES.keys())
def made(request: pytest.FixtureRequest, content: Content, legacy_content: Content, tmp_path_factory: pytest.TempPathFactory) -> Made:
    shape, folder = request.param, tmp_path_factory.mktemp("export")
    for name, data in export.files(legacy_content if shape.legacy else content, shape).items():
        (folder / name).write_bytes(data)
    return Made(folder, shape)


@pytest.fixture(scope="module", autouse=True)
def certificates(content: Content, authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with the root for the tools."""
    path = tmp_path_factory.mktemp("root") / "root.pem"
    path.write_bytes(authority.certificate.public_bytes(Encoding.PEM))
    return path


def names(made: Made) -> set[str]:
    return {path.name for path in made.folder.iterdir()}


def test_files_have_the_names_that_existing_tools_read(made: Made) -> None:
    assert names(made) == ({"root.cer", "server.pfx", "client.pfx"} if made.shape.format is Format.WINDOWS else PEM_FILES)


def test_an_export_includes_lists_and_a_second_root(content: Content) -> None:
    """During a rotation of the root. The root that issued the certificates comes first."""
    two = Content(content.service, content.client, (*content.roots, *content.roots), (b"list 1\n", b"list 2\n"))
    found = export.files(two, SHAPES["pem"])
    assert (found["crl.pem"], found["root.pem"].count(b"BEGIN")) == (b"list 1\nlist 2\n", 2)
    assert {*export.files(two, SHAPES["windows"])} == {"root.cer", "root-2.cer", "server.pfx", "client.pfx"}


def test_each_certificate_is_followed_by_the_root_that_issued_it(content: Content) -> None:
    other = make_authority("other.example")
    root = other.certificate.public_bytes(Encoding.PEM)
    found = export.files(
        Content(content.service, pair(other, Kind.CLIENT, KeyType.EC_P256), (*content.roots, root)), SHAPES["pem with root"]
    )
    assert (found["server.pem"].endswith(content.roots[0]), found["client.pem"].endswith(root)) == (True, True)


@pytest.mark.parametrize(("name", "friendly"), [("server", MACHINE), ("client", "QlikClient")])
def test_openssl_opens_it(made: Made, name: str, friendly: str, certificates: Path) -> None:
    openssl, password = tool("openssl"), f"pass:{made.shape.password}"
    if made.shape.format is Format.WINDOWS:
        output = run(
            openssl, "pkcs12", "-in", made / f"{name}.pfx", "-passin", password, "-info", "-nodes", *["-legacy"] * made.shape.legacy
        )
        expected = (
            ("MAC: sha1", "pbeWithSHA1And3-KeyTripleDES-CBC") if made.shape.legacy else ("MAC: sha256", "AES-256-CBC, Iteration 100000")
        )
        assert [words for words in (*expected, f"friendlyName: {friendly}") if words not in output] == []
        assert output.count("BEGIN CERTIFICATE") == 1 + made.shape.include_ca
        (made / f"{name}.opened").write_text(output)
        run(openssl, "verify", "-x509_strict", "-CAfile", certificates, made / f"{name}.opened")
        (made / f"{name}.opened").unlink()
    else:
        assert (b"ENCRYPTED" in (made / f"{name}_key.pem").read_bytes()) is bool(made.shape.password)
        run(openssl, "verify", "-x509_strict", "-CAfile", made / "root.pem", made / f"{name}.pem")
        of_key = run(openssl, "pkey", "-in", made / f"{name}_key.pem", "-passin", password, "-pubout")
        assert of_key == run(openssl, "x509", "-in", made / f"{name}.pem", "-noout", "-pubkey")


@pytest.mark.parametrize("name", ["server", "client"])
def test_gnutls_opens_it(made: Made, name: str) -> None:
    certtool = tool("certtool")
    if made.shape.format is Format.WINDOWS:
        output = run(certtool, "--inder", "--p12-info", "--infile", made / f"{name}.pfx", "--password", made.shape.password)
        assert output.count("BEGIN CERTIFICATE") == 1 + made.shape.include_ca
        assert "PRIVATE KEY" in output
    else:
        run(certtool, "--verify", "--load-ca-certificate", made / "root.pem", "--infile", made / f"{name}.pem")
        run(certtool, "-k", "--infile", made / f"{name}_key.pem", "--password", made.shape.password)


@pytest.mark.parametrize("made", one_of(3, SHAPES.values()), indirect=True, ids=SHAPES.keys())
def test_java_opens_it(made: Made) -> None:
    keytool = tool("keytool")
    if made.shape.format is Format.PEM:
        assert f"CN={MACHINE}" in run(keytool, "-printcert", "-file", made / "server.pem")
        return
    output = run(keytool, "-list", "-v", "-storetype", "PKCS12", "-keystore", made / "server.pfx", "-storepass", made.shape.password)
    assert [words for words in (f"Alias name: {MACHINE}", "PrivateKeyEntry") if words not in output] == []
    assert "-CA" in run(keytool, "-printcert", "-file", made / "root.cer")


def test_node_js_calls_an_agent_with_it(made: Made, package: Package, authority: Authority, tmp_path: Path) -> None:
    """A real handshake with mutual TLS: the agent's listener accepts the exported client pair, node.js the agent's service pair."""
    node, answered = tool("node"), []
    context = server_context(Store(tmp_path).install(package, now=authority.now))

    def answer() -> None:
        with listener, context.wrap_socket(listener.accept()[0], server_side=True) as peer:
            answered.append(x509.load_der_x509_certificate(peer.getpeercert(binary_form=True) or b"").subject.rfc4514_string())
            peer.sendall(b"2")
            peer.recv(1)  # until node.js has read it

    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(30)
        thread = threading.Thread(target=answer)
        thread.start()
        script = Path(__file__).with_name("export.mjs")
        said = run(node, script, made.folder, made.shape.password, listener.getsockname()[1], package.host_name)
        thread.join()
    assert (said, answered) == ("2", ["CN=QlikClient"])


@pytest.mark.parametrize(
    ("password", "format", "why"),
    [
        ("", Format.WINDOWS, "needs a password"),
        ("", Format.PEM, ""),
        (PASSWORD, Format.WINDOWS, ""),
        (" ", Format.WINDOWS, ""),
        ("x" * 128, Format.WINDOWS, ""),
        ("x" * 129, Format.WINDOWS, "Type 1 to 128"),
        ("Schlüssel", Format.WINDOWS, "ASCII"),
        ("Schlüssel", Format.PEM, "ASCII"),
        ("10 €", Format.PEM, "ASCII"),
        ("tab\there", Format.WINDOWS, "ASCII"),
        ("nul\0", Format.WINDOWS, "ASCII"),
        ("\ud800", Format.PEM, "ASCII"),
    ],
)
def test_which_password_may_seal_it(password: str, format: Format, why: str) -> None:
    problem = password_problem(password, format)
    assert (bool(problem), why in problem) == (bool(why), True)


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=128))
def test_any_allowed_password_opens_the_export(content: Content, password: str) -> None:
    assert password_problem(password, Format.WINDOWS) == ""
    pfx = export.files(content, Shape(Format.WINDOWS, password, legacy=True))["client.pfx"]  # its few rounds are quick
    assert pkcs12.load_pkcs12(pfx, password.encode()).cert is not None


def test_a_wrong_password_opens_nothing(content: Content) -> None:
    with pytest.raises(ValueError, match="password"):
        pkcs12.load_pkcs12(export.files(content, SHAPES["windows"])["server.pfx"], b"another")


def test_zip_has_a_folder_for_each_machine() -> None:
    folders = {"a.example": {"root.pem": b"1"}, "b.example": {"root.pem": b"2", "crl.pem": b"3"}}
    now = datetime(2026, 11, 24, tzinfo=UTC)
    parts = [export.zipped({name: content}, now=now) for name, content in folders.items()]
    assert export.unzipped(parts) == folders == export.unzipped([export.zipped(folders, now=now)])


def test_only_an_export_may_leave_the_database_key_out(authority: Authority) -> None:
    key = keys.generate(KeyType.RSA_2048).public_key()
    with pytest.raises(ProfileError, match="needs a database key"):
        issue.prepare(issue.Request(Kind.SERVICE, MACHINE, (), key, 60), issuer_certificate=authority.certificate, now=authority.now)
    client = issue.Request(Kind.CLIENT, "QlikClient", (), key, 60, authority.database_key, is_export=True)
    with pytest.raises(ProfileError, match="has no database key"):
        issue.prepare(client, issuer_certificate=authority.certificate, now=authority.now)
