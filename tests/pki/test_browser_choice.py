"""The chosen browser certificate: encrypted for one node, and the conditions for its use."""

import base64
import dataclasses
import json
from datetime import timedelta

import pytest
from cryptography import x509

from pki.core import keys
from pki.core.errors import PackageInvalid, PackageMalformed, WrongPassword
from pki.core.keys import KeyType
from pki.core.roles import Kind
from pki.foreign import browser_choice
from pki.foreign.browser_choice import BrowserChoice
from tests.public_authority import NOW, intermediate, sign


@pytest.fixture(scope="module")
def choice() -> BrowserChoice:
    made = sign(issuer=intermediate(), names=("www.example", "*.corp.example", "*.example", "10.1.2.3", "2001:db8::1"))
    thumbprint = made.foreign.thumbprints[0]
    return BrowserChoice(thumbprint, (made.pem, intermediate().pem), keys.to_pem(made.key))


@pytest.fixture(scope="module")
def node(pairs) -> tuple[x509.Certificate, keys.PrivateKey]:
    return x509.load_pem_x509_certificate(pairs[Kind.SERVICE].certificate), keys.from_pem(pairs[Kind.SERVICE].private_key)


def test_only_the_node_decrypts_its_choice(choice: BrowserChoice, node, pairs) -> None:
    certificate, key = node
    sealed = browser_choice.seal(choice, certificate)
    header = json.loads(base64.urlsafe_b64decode(sealed.split(b".")[0] + b"=="))
    assert header == {"alg": "RSA-OAEP-256", "enc": "A256GCM"}
    assert browser_choice.open(sealed, key) == choice
    for other in (keys.generate(KeyType.RSA_2048), keys.generate(KeyType.EC_P256)):
        with pytest.raises(WrongPassword):
            browser_choice.open(sealed, other)


def test_a_choice_without_certificate_is_sent_too(node) -> None:
    absent = BrowserChoice("0" * 40, (), None)
    assert browser_choice.open(browser_choice.seal(absent, node[0]), node[1]) == absent


def test_the_revision_is_fixed_and_independent_of_the_key(choice: BrowserChoice) -> None:
    # SHA-256 of {"certificates":["A\n"],"thumbprint":"ab"}
    assert BrowserChoice("ab", (b"A\n",), None).revision == "3b54136e4bf021deab7343c8b2bffe9ec87fffe191426edad6f675ca83b514fd"
    assert dataclasses.replace(choice, private_key=None).revision == choice.revision
    assert dataclasses.replace(choice, certificates=choice.certificates[:1]).revision != choice.revision
    assert "PRIVATE" not in repr(choice)


def damaged(sealed: bytes, part: int, value: bytes) -> bytes:
    parts = sealed.split(b".")
    parts[part] = value
    return b".".join(parts)


def encoded(header: dict) -> bytes:
    return base64.urlsafe_b64encode(json.dumps(header).encode()).rstrip(b"=")


@pytest.mark.parametrize(
    ("change", "error"),
    [
        pytest.param(lambda sealed: b"", PackageMalformed, id="empty"),
        pytest.param(lambda sealed: b"a.b.c.d.e", PackageMalformed, id="no-header"),
        pytest.param(lambda sealed: sealed.rsplit(b".", 1)[0], PackageMalformed, id="cut"),
        pytest.param(lambda sealed: sealed + b"A" * 65536, PackageMalformed, id="too-large"),
        pytest.param(lambda sealed: damaged(sealed, 0, b"W1tb" * 10000), PackageMalformed, id="nested"),
        pytest.param(lambda sealed: damaged(sealed, 0, encoded({"alg": "dir", "enc": "A256GCM"})), PackageMalformed, id="algorithm"),
        pytest.param(
            lambda sealed: damaged(sealed, 0, encoded({"alg": "RSA-OAEP-256", "enc": "A256GCM", "zip": "DEF"})), PackageMalformed, id="zip"
        ),
        pytest.param(lambda sealed: damaged(sealed, 3, b"AAAA"), WrongPassword, id="altered"),
        pytest.param(lambda sealed: damaged(sealed, 1, b"AAAA"), WrongPassword, id="other-key"),
    ],
)
def test_a_damaged_choice_is_refused(change, error, choice: BrowserChoice, node) -> None:
    with pytest.raises(error):
        browser_choice.open(change(browser_choice.seal(choice, node[0])), node[1])


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"version": 2}, id="form"),
        pytest.param({"revision": "0" * 64}, id="revision"),
        pytest.param({"certificates": None}, id="certificates"),
        pytest.param({"certificates": ["é"]}, id="letters"),
        pytest.param({"private_key": 5}, id="key"),
    ],
)
def test_inconsistent_content_is_refused(change: dict, choice: BrowserChoice, node, monkeypatch: pytest.MonkeyPatch) -> None:
    dumps = json.dumps
    monkeypatch.setattr(
        browser_choice.json, "dumps", lambda content, **how: dumps(content | (change if "version" in content else {}), **how)
    )
    sealed = browser_choice.seal(choice, node[0])
    with pytest.raises(PackageMalformed):
        browser_choice.open(sealed, node[1])


def test_a_choice_that_nodes_refuse_is_not_sealed(choice: BrowserChoice, node) -> None:
    with pytest.raises(PackageInvalid):
        browser_choice.seal(dataclasses.replace(choice, certificates=choice.certificates * 60), node[0])


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("www.example", ""),
        ("WWW.Example", ""),
        ("rim1.corp.example", ""),
        ("a.rim1.corp.example", "name-does-not-match"),
        ("corp.example", "name-does-not-match"),
        ("rim1.example", "name-does-not-match"),  # *.example is directly below a top-level domain
        ("10.1.2.3", ""),
        ("10.1.2.4", "name-does-not-match"),
        ("2001:DB8:0::1", ""),
    ],
)
def test_which_names_it_covers(name: str, problem: str, choice: BrowserChoice) -> None:
    assert browser_choice.usable(choice, names=[name], now=NOW) == problem


def test_one_name_is_enough(choice: BrowserChoice) -> None:
    assert browser_choice.usable(choice, names=["rim1.internal", "www.example"], now=NOW) == ""


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        pytest.param({"certificates": ()}, "no-such-thumbprint", id="absent"),
        pytest.param({"thumbprint": "0" * 40}, "no-such-thumbprint", id="another"),
        pytest.param({"private_key": None}, "no-private-key", id="without-key"),
        pytest.param({"private_key": b"nonsense"}, "unreadable", id="key-damaged"),
        pytest.param({"private_key": keys.to_pem(keys.generate(KeyType.EC_P256))}, "unreadable", id="another-key"),
        pytest.param({"certificates": (b"nonsense",)}, "unreadable", id="certificate-damaged"),
    ],
)
def test_why_it_cannot_be_used(change: dict, problem: str, choice: BrowserChoice) -> None:
    problem_found = browser_choice.usable(dataclasses.replace(choice, **change), names=["www.example"], now=NOW)
    assert problem_found == problem
    assert problem_found in browser_choice.PROBLEMS


def test_it_can_be_used_from_its_first_second_to_its_last(choice: BrowserChoice) -> None:
    leaf = x509.load_pem_x509_certificate(choice.certificates[0])
    begins, ends, second = leaf.not_valid_before_utc, leaf.not_valid_after_utc, timedelta(seconds=1)
    moments = {begins - second: "not-valid-yet", begins: "", ends: "", ends + second: "expired"}
    assert {now: browser_choice.usable(choice, names=["www.example"], now=now) for now in moments} == moments
