"""Proofs and tokens of the cluster key, and refused tokens. node.js and openssl check them too."""

import base64
import hmac
import json
import subprocess
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from hypothesis import given
from hypothesis import strategies as st

from pki.cluster import proofs
from pki.cluster import tokens as cluster
from pki.cluster.token_check import LARGEST_TOKEN, Expected, SiteKey, token_check
from pki.core import keys
from pki.core.errors import PfxRefused, PKIError, ProofRefused
from pki.core.pair import Pair
from pki.core.roles import Kind
from pki.core.verify import fingerprint
from pki.foreign import pfx
from tests.slow import examples

NOW = datetime(2026, 11, 24, 12, 0, 0, tzinfo=UTC)
EXPECTED = Expected("central.example", ("europe", "asia"))
CHALLENGE = "ab" * 32


@pytest.fixture(scope="session")
def pair(pairs) -> Pair:
    return pairs[Kind.CLUSTER]


@pytest.fixture(scope="session")
def certificate(pair: Pair) -> x509.Certificate:
    return x509.load_pem_x509_certificate(pair.certificate)


@pytest.fixture(scope="session")
def key(pair: Pair):
    return keys.from_pem(pair.private_key, own=True)


@pytest.fixture(scope="session")
def other(pairs) -> Pair:
    """Another RSA certificate and key of the same zone."""
    return pairs[Kind.SERVICE]


@pytest.fixture(scope="session")
def token(key, certificate) -> str:
    return cluster.token_make(
        private_key=key, certificate=certificate, issuer="central.example", audience="europe", token_id="one", now=NOW
    ).text  # fmt: skip


def encoded(content: Any) -> str:
    raw = content if isinstance(content, bytes) else json.dumps(content).encode()
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def decoded(part: str) -> Any:
    return json.loads(base64.urlsafe_b64decode(part + "=="))


def signed(header: Any, claims: Any, key) -> str:
    text = f"{encoded(header)}.{encoded(claims)}"
    return f"{text}.{encoded(key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256()))}"


def checked(token: str, certificate: x509.Certificate, *, now: datetime = NOW, keys: Any = None):
    return token_check(token, keys=keys or [SiteKey(certificate, "the one in force", True)], expected=EXPECTED, now=now)


def test_a_token_is_valid_for_five_minutes(token: str, certificate) -> None:
    for after, holds in ((0, True), (299, True), (300, False), (-1, False)):
        found = checked(token, certificate, now=NOW + timedelta(seconds=after))
        assert found.accepted is holds, after
        assert f"{NOW + timedelta(seconds=after):%H:%M:%S} UTC" in found.findings[-1].text
    header, claims = (decoded(part) for part in token.split(".")[:2])
    assert header == {"alg": "RS256", "typ": "JWT", "kid": cluster.key_id(certificate)}
    at = int(NOW.timestamp())
    assert claims == {"iss": "central.example", "aud": "europe", "iat": at, "nbf": at, "exp": at + 300, "jti": "one"}


@pytest.mark.parametrize(
    ("header", "claims", "code", "words"),
    [
        ({"alg": "none"}, {}, "algorithm", "It has no signature"),
        ({"alg": "None"}, {}, "algorithm", "It has no signature"),
        ({"alg": "HS256"}, {}, "algorithm", "“HS256”, which signs with a shared secret"),
        ({"alg": "PS256"}, {}, "algorithm", "“PS256”. Only RS256"),
        ({"alg": None}, {}, "algorithm", "missing"),
        ({"alg": 5}, {}, "algorithm", "not text"),
        ({"kid": "foreign"}, {}, "signature", "“foreign”, which is not a key of this site"),
        ({"kid": ["x"]}, {}, "signature", "not a key of this site"),
        ({"jwk": {}}, {}, "own key", "jwk"),
        ({"jku": "https://evil.example", "x5u": "x"}, {}, "own key", "jku, x5u"),
        ({"typ": "cluster-proof+jwt"}, {}, "type", "is not a token"),
        ({"typ": 1}, {}, "type", "not text"),
        ({"crit": ["exp"]}, {}, "type", "crit"),
        ({}, {"iss": "other.example"}, "issuer", "“other.example”, and this trust zone is central.example"),
        ({}, {"iss": None}, "issuer", "missing"),
        ({}, {"aud": "africa"}, "audience", "“africa”; expected is europe, asia"),
        ({}, {"aud": []}, "audience", "missing"),
        ({}, {"aud": {}}, "audience", "not text"),
        ({}, {"exp": None}, "time", "never expire"),
        ({}, {"exp": True}, "time", "never expire"),
        ({}, {"exp": 1e400}, "time", "never expire"),
        ({}, {"exp": "2099"}, "time", "never expire"),
        ({}, {"exp": 10**30}, "time", "never expire"),
        ({}, {"exp": 10**400}, "time", "never expire"),
        ({}, {"exp": -1}, "time", "never expire"),
        ({"alg": "HS\ud800"}, {}, "algorithm", "“HS?”"),
        ({"b64": False}, {}, "signature", "did not sign it"),
        ({"crit": 5}, {}, "signature", "did not sign it"),
        ({"crit": [5]}, {}, "type", "crit"),
        ({}, {"iss": "\u202eevil\ud800"}, "issuer", "“?evil?”"),
        ({}, {"nbf": 4_000_000_000}, "time", "valid from 2 Oct 2096"),
        ({}, {"iat": 4_000_000_000}, "time", "valid from 2 Oct 2096"),
        ({}, {"iat": "now"}, "time", "iat is not a time"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_each_fault_is_named(token: str, key, certificate, header: Any, claims: Any, code: str, words: str) -> None:
    before = [decoded(part) for part in token.split(".")[:2]]
    found = checked(signed(before[0] | header, before[1] | claims, key), certificate)
    assert not found.accepted
    assert words in " ".join(finding.text for finding in found.findings if finding.code == code and not finding.good)


def test_a_list_of_audiences_is_accepted_with_one_of_this_site(token: str, key, certificate) -> None:
    header, claims = (decoded(part) for part in token.split(".")[:2])
    assert checked(signed(header, claims | {"aud": ["africa", "asia"]}, key), certificate).accepted
    without = {name: value for name, value in header.items() if name != "kid"}
    assert checked(signed(without, claims, key), certificate).accepted


def test_a_public_key_as_shared_secret_signs_nothing(token: str, certificate) -> None:
    header = decoded(token.split(".")[0]) | {"alg": "HS256"}
    text = f"{encoded(header)}.{token.split('.')[1]}"
    forged = hmac.new(cluster.public_pem(certificate).encode(), text.encode(), "sha256").digest()
    assert not checked(f"{text}.{encoded(forged)}", certificate).accepted


def test_another_sites_key_is_refused_whether_it_names_itself_or_us(token: str, certificate, other: Pair) -> None:
    header, claims = (decoded(part) for part in token.split(".")[:2])
    foreign = keys.from_pem(other.private_key, own=True)
    for kid, words in (
        (header["kid"], "did not sign it"),
        (None, "none of this site's keys signed it"),
        ("else", "nother site's key signed it"),
    ):
        sent = {name: value for name, value in (header | {"kid": kid}).items() if value is not None}
        found = checked(signed(sent, claims, foreign), certificate)
        assert not found.accepted
        assert words in next(finding.text for finding in found.findings if finding.code == "signature")


def test_a_retired_key_is_named_and_refused(token: str, certificate, other: Pair) -> None:
    in_force = SiteKey(x509.load_pem_x509_certificate(other.certificate), "the one in force", True)
    found = checked(token, certificate, keys=[in_force, SiteKey(certificate, "the one of 2021, which is superseded", False)])
    assert not found.accepted
    assert "which is superseded" in " ".join(finding.text for finding in found.findings)
    assert checked(token, certificate, keys=[in_force, SiteKey(certificate, "the next", True)]).accepted


@given(st.data())
@examples(100)
def test_any_changed_character_is_refused(token: str, certificate, data) -> None:
    at = data.draw(st.integers(0, len(token) - 1))
    letter = data.draw(
        st.sampled_from("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=+/ \n\u00e9").filter(
            lambda character: character != token[at]
        )
    )
    assert not checked(token[:at] + letter + token[at + 1 :], certificate).accepted


@given(st.one_of(st.text(max_size=200), st.lists(st.binary(max_size=40).map(encoded), max_size=5).map(".".join)))
@examples(40)
def test_whatever_is_pasted_gets_an_answer(certificate, text: str) -> None:
    found = checked(text, certificate)
    assert not found.accepted
    assert all(finding.text.endswith(".") for finding in found.findings)


@pytest.mark.parametrize("nested", ["[" * 3000, '{"a":' * 1500, "NaN", '"x"', "5"])
def test_json_that_is_no_token_is_named_as_such(certificate, nested: str) -> None:
    assert [finding.code for finding in checked(f"{encoded(nested.encode())}.e30.", certificate).findings] == ["form"]
    assert "at most" in checked("x" * (LARGEST_TOKEN + 1), certificate).findings[0].text


def test_a_proof_is_of_one_node_one_challenge_and_one_key(key, certificate, token: str, other: Pair) -> None:
    proof = proofs.proof_make(key, node="rim1", challenge=CHALLENGE)
    assert len(proof) <= proofs.LARGEST_PROOF
    proofs.proof_check(proof, certificate, node="rim1", challenge=CHALLENGE)
    foreign = x509.load_pem_x509_certificate(other.certificate)
    refused = [
        (proof, certificate, "rim2", CHALLENGE), (proof, certificate, "rim1", "cd" * 32), (proof, foreign, "rim1", CHALLENGE),
        (proof[:-3] + "AAA", certificate, "rim1", CHALLENGE), (token, certificate, "rim1", CHALLENGE), ("", certificate, "rim1", CHALLENGE),
        (signed({"alg": "RS256", "typ": "JWT"}, {"node": "rim1", "challenge": CHALLENGE}, key), certificate, "rim1", CHALLENGE),
        (signed({"alg": "RS256", "typ": proofs.PROOF_TYPE}, {"node": "rim1", "challenge": CHALLENGE, "more": 1}, key), certificate, "rim1", CHALLENGE),
        (signed({"alg": "RS256", "typ": proofs.PROOF_TYPE}, [["x"]], key), certificate, "rim1", CHALLENGE),
    ]  # fmt: skip
    for said, by, node, challenge in refused:
        with pytest.raises(ProofRefused):
            proofs.proof_check(said, by, node=node, challenge=challenge)
    assert not checked(proof, certificate).accepted


STRANGE: list[Any] = [
    5, [], "x", None, {}, {"alg": 5}, {"alg": ["RS256"]}, {"alg": "RS256", "crit": 5}, {"alg": "RS256", "crit": [5]}, {"alg": "RS256", "typ": 5},
    {"alg": "RS256", "b64": False}, {"alg": "RS256", "b64": False, "crit": ["b64"]}, {"alg": "RS256", "jwk": 5}, {"alg": "RS256", "kid": {}},
]  # fmt: skip


@pytest.mark.parametrize("header", STRANGE, ids=str)
def test_a_strange_header_raises_no_other_error(key, certificate, header: Any) -> None:
    for payload in ({"node": "rim1", "challenge": CHALLENGE}, b"[" * 800, b"\xff", b""):
        said = signed(header, payload, key)
        assert not checked(said, certificate).accepted
        with pytest.raises(ProofRefused):
            proofs.proof_check(said, certificate, node="rim1", challenge=CHALLENGE)
    nested = f"{encoded(b'[' * 2000)}.e30.AA"
    with pytest.raises(ProofRefused):
        proofs.proof_check(nested, certificate, node="rim1", challenge=CHALLENGE)


def test_an_elliptic_key_signs_no_tokens(pairs) -> None:
    with pytest.raises(PKIError, match="no RSA key"):
        cluster.jwks([x509.load_pem_x509_certificate(pairs[Kind.CLIENT].certificate)])


VERIFY = """
const crypto = require("node:crypto"), input = JSON.parse(require("node:fs").readFileSync(0));
const [header, payload, signature] = input.token.split(".");
const found = input.jwks.keys.find(each => each.kid === JSON.parse(Buffer.from(header, "base64url")).kid);
const key = crypto.createPublicKey({key: found, format: "jwk"});
const holds = crypto.verify("RSA-SHA256", Buffer.from(header + "." + payload), key, Buffer.from(signature, "base64url"));
const pem = crypto.createPublicKey(input.pem).equals(key);
const same = {e: found.e, kty: found.kty, n: found.n};
const kid = crypto.createHash("sha256").update(JSON.stringify(same)).digest("base64url") === found.kid;
console.log(JSON.stringify({holds, pem, kid, use: found.use, alg: found.alg, x5t: found["x5t#S256"]}));
"""


def test_node_js_verifies_token_jwks_and_pem(token: str, certificate, other: Pair) -> None:
    both = cluster.jwks([x509.load_pem_x509_certificate(other.certificate), certificate])
    sent = json.dumps({"token": token, "jwks": both, "pem": cluster.public_pem(certificate)})
    answer = json.loads(subprocess.run(["node", "-e", VERIFY], input=sent, capture_output=True, text=True, check=True).stdout)
    assert answer == {
        "holds": True, "pem": True, "kid": True, "use": "sig", "alg": "RS256", "x5t": encoded(bytes.fromhex(fingerprint(certificate)))
    }  # fmt: skip
    assert {name for jwk in both["keys"] for name in jwk} == {"kty", "use", "alg", "kid", "n", "e", "x5t#S256"}


def test_openssl_verifies_with_the_pem(token: str, certificate, tmp_path: Path) -> None:
    text, _, signature = token.rpartition(".")
    (tmp_path / "key.pem").write_text(cluster.public_pem(certificate))
    (tmp_path / "signature").write_bytes(base64.urlsafe_b64decode(signature + "=="))
    command = ["openssl", "dgst", "-sha256", "-verify", tmp_path / "key.pem", "-signature", tmp_path / "signature"]
    assert b"Verified OK" in subprocess.run(command, input=text.encode(), capture_output=True, check=True).stdout


def made(pair: Pair, password: str, form: pfx.PfxForm) -> bytes:
    certificate, key = x509.load_pem_x509_certificate(pair.certificate), keys.from_pem(pair.private_key)
    return pfx.pfx_make(certificate, key, password=password, form=form, name="QlikServiceCluster")


@pytest.mark.parametrize(
    ("form", "words"),
    [(pfx.PfxForm.AES, ("PBES2", "AES-256-CBC", "sha256")), (pfx.PfxForm.LEGACY, ("pbeWithSHA1And3-KeyTripleDES-CBC", "sha1"))],
)
def test_openssl_opens_the_pfx_in_either_form(pair: Pair, tmp_path: Path, form: pfx.PfxForm, words: tuple[str, ...]) -> None:
    password = "correct horse ~{}"
    (tmp_path / "site.pfx").write_bytes(made(pair, password, form))
    command = ["openssl", "pkcs12", "-in", tmp_path / "site.pfx", "-passin", "stdin", "-nodes", "-info"]
    opened = subprocess.run(command, input=password + "\n", capture_output=True, text=True, check=True)
    assert all(line in opened.stderr for line in words)
    assert "friendlyName: QlikServiceCluster" in opened.stdout
    held = x509.load_pem_x509_certificate(opened.stdout[opened.stdout.index("-----BEGIN CERT") :].encode())
    assert fingerprint(held) == fingerprint(x509.load_pem_x509_certificate(pair.certificate))


@pytest.mark.parametrize(
    ("password", "said"),
    [
        ("", "0 characters"),
        ("x" * 129, "129 characters"),
        ("Straße-Straße", "English keyboard"),
        ("tab\tin the middle", "English keyboard"),
    ],
)
def test_a_password_with_characters_beyond_ascii_is_refused(pair: Pair, password: str, said: str) -> None:
    with pytest.raises(PfxRefused, match=said):
        made(pair, password, pfx.PfxForm.AES)


@pytest.mark.parametrize(
    "content", [b"", b"0", b"-----BEGIN CERTIFICATE-----", b"\x30\x82" + b"\0" * 500, b"x" * 70_000], ids=lambda value: repr(value)[:20]
)
def test_a_file_that_is_not_a_pfx_is_refused(content: bytes) -> None:
    with pytest.raises(PfxRefused):
        pfx.pfx_read(content, "password")


def test_a_pfx_with_too_many_rounds_is_refused_at_once(pair: Pair) -> None:
    sealed = made(pair, "right password", pfx.PfxForm.AES)
    rounds = (pfx.ROUNDS).to_bytes(3)
    assert b"\x02\x03" + rounds in sealed
    began = time.process_time()
    with pytest.raises(PfxRefused, match="rounds of key derivation"):
        pfx.pfx_read(sealed.replace(b"\x02\x03" + rounds, b"\x02\x03\x7f\xff\xff"), "right password")
    assert time.process_time() - began < 1


def test_a_wrong_password_is_reported(pair: Pair) -> None:
    sealed = made(pair, "right password", pfx.PfxForm.AES)
    with pytest.raises(PfxRefused, match="does not open with this password"):
        pfx.pfx_read(sealed, "wrong password")
