"""The import of the cluster certificate from a PFX. A refused import changes nothing."""

import dataclasses
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, pkcs12

from agent.cluster import import_cluster, place, proof
from agent.state import Refused, State
from pki.cluster import proofs
from pki.core import keys
from pki.core.errors import PfxRefused, PKIError
from pki.core.pair import Pair
from pki.core.roles import Kind
from pki.foreign import pfx
from pki.issuing import revocation_list
from pki.issuing.revocation_list import RevocationCode
from sitekit.authority import Authority, make_authority
from tests.agent.commands import command

PASSWORD = "a password of mine"


@pytest.fixture
def state(package, tmp_path: Path) -> State:
    made = State(tmp_path / "home")
    made.store.install(package, now=datetime.now(UTC))
    return made


@pytest.fixture(scope="session")
def successor(authority: Authority) -> Pair:
    return authority.pair(Kind.CLUSTER)


def file_of(pair: Pair, form: pfx.PfxForm = pfx.PfxForm.AES) -> bytes:
    certificate, key = x509.load_pem_x509_certificate(pair.certificate), keys.from_pem(pair.private_key)
    return pfx.pfx_make(certificate, key, password=PASSWORD, form=form, name="QlikServiceCluster")


def imported(state: State, file: Path, typed: str) -> subprocess.CompletedProcess[str]:
    return command("import-cluster", file, "--home", state.home, typed=typed)


def test_the_command_imports_it_and_the_agent_proves_it(state: State, successor: Pair, tmp_path: Path) -> None:
    (tmp_path / "site.pfx").write_bytes(file_of(successor, pfx.PfxForm.LEGACY))
    done = imported(state, tmp_path / "site.pfx", PASSWORD + "\r\n")
    assert (done.returncode, done.stderr) == (0, "")
    installed = state.store.current()
    assert f"{place(installed)}: installed" in done.stdout
    assert installed.cluster == x509.load_pem_x509_certificate(successor.certificate)
    assert place(installed).stat().st_mode & 0o777 == 0o600
    proofs.proof_check(proof(installed, "ab" * 32) or "", installed.cluster, node="node", challenge="ab" * 32)
    refused = imported(state, tmp_path / "site.pfx", "another password\n")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "does not open with this password" in refused.stderr
    assert "Traceback" not in refused.stderr + imported(state, tmp_path / "nothing.pfx", PASSWORD).stderr


def without_its_key(one: Pair, other: Pair) -> bytes:
    """A PFX with a certificate and the key of another one."""
    key, certificate = keys.from_pem(other.private_key), x509.load_pem_x509_certificate(one.certificate)
    return pkcs12.serialize_key_and_certificates(b"x", key, None, [certificate], BestAvailableEncryption(PASSWORD.encode()))


def test_other_certificates_than_the_sites_cluster_certificate_are_refused(
    state: State, authority: Authority, pairs, successor: Pair
) -> None:
    now, before = datetime.now(UTC), place(state.store.current()).read_bytes()
    foreign = make_authority("other.example").pair(Kind.CLUSTER)
    named = authority.pair(Kind.CLUSTER, common_name="SomethingElse")
    past = dataclasses.replace(authority, now=now).pair(Kind.CLUSTER)
    table = [
        (file_of(foreign), now, PKIError, "belongs to another site"),
        (file_of(pairs[Kind.SERVICE]), now, Refused, "not the site's cluster certificate"),
        (file_of(pairs[Kind.CLIENT]), now, Refused, "not the site's cluster certificate"),
        (file_of(named), now, Refused, "CN=SomethingElse"),
        (file_of(past), now + timedelta(days=3000), PKIError, "the clock here says"),
        (without_its_key(successor, pairs[Kind.SERVICE]), now, PfxRefused, "no certificate with its private key"),
        (b"nonsense", now, PfxRefused, "not a PFX"),
        (b"", now, PfxRefused, "not a PFX"),
    ]
    for content, at, kind, words in table:
        with pytest.raises(kind, match=words):
            import_cluster(state, content, PASSWORD, now=at)
    assert place(state.store.current()).read_bytes() == before


def test_a_revoked_cluster_certificate_is_refused(state: State, authority: Authority, successor: Pair, package) -> None:
    now = datetime.now(UTC)
    serial = x509.load_pem_x509_certificate(successor.certificate).serial_number
    entry = revocation_list.Entry(serial, now, RevocationCode.KEY_COMPROMISE)
    der = revocation_list.list_sign(authority.certificate, authority.key, number=1, entries=[entry], now=now)
    state.store.take_trust(list(package.roots), [x509.load_der_x509_crl(der).public_bytes(Encoding.PEM)])
    with pytest.raises(Refused, match="was revoked"):
        import_cluster(state, file_of(successor), PASSWORD, now=now)


def test_a_node_without_certificates_must_be_registered_first(tmp_path: Path, successor: Pair) -> None:
    with pytest.raises(Refused, match="Register this node first"):
        import_cluster(State(tmp_path / "empty"), file_of(successor), PASSWORD, now=datetime.now(UTC))


def test_an_unreadable_key_sends_no_proof_and_stops_nothing(state: State, caplog: pytest.LogCaptureFixture) -> None:
    installed = state.store.current()
    for content in (b"", b"nonsense"):
        place(installed).write_bytes(content)
        assert proof(installed, "ab" * 32) is None
    place(installed).unlink()
    assert proof(installed, "ab" * 32) is None
    assert caplog.text.count("no proof of the cluster key is sent") == 3
