"""The setup page and the status answer whatever is sent to port 4444, and whatever is in `waiting/`."""

import base64
import gzip
import json
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pki.exchange import package as packages
from pki.exchange import password
from tests.agent.pages import Pages
from tests.slow import examples

TEXTS = st.text(st.characters(exclude_categories=()), max_size=80)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=8,
)
MOMENTS = st.sampled_from(["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "9999-12-31T23:59:59+00:00", "2026-11-29", "\0"])
FIELDS = {
    "trust_zone": JSON, "central_name": JSON | st.sampled_from(["\ud800", "a\0b", "x" * 5000, "\x1b[31m", "<script>"]), "root_sha256": JSON,
    "generation": JSON, "expires_at": JSON | MOMENTS, "p2s": JSON, "p2c": JSON, "alg": JSON, "enc": JSON, "zip": JSON, "crit": JSON,
}  # fmt: skip
CHANGES = st.fixed_dictionaries({}, optional=FIELDS)


def encoded(header: object) -> bytes:
    return base64.urlsafe_b64encode(json.dumps(header).encode()).rstrip(b"=")


def waiting(pages: Pages) -> list[str]:
    """The packages in the status. The page must answer too."""
    assert "Install certificates" in pages.page()
    return pages.status()["waiting"]


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pages]:
    pages = Pages(tmp_path_factory.mktemp("home"))
    yield pages
    pages.stop()


@pytest.fixture(scope="module")
def sealed(package) -> bytes:
    return packages.seal_with_password(package, password.generate())


@examples(150)
@given(changes=CHANGES)
def test_no_header_keeps_the_page_from_answering(changes: dict, pages: Pages, sealed: bytes) -> None:
    head, rest = sealed.split(b".", 1)
    header = json.loads(base64.urlsafe_b64decode(head + b"=" * (-len(head) % 4)))
    sent = encoded(header | changes) + b"." + rest
    status, answer = pages.send(sent)
    assert status in (200, 400, 409), answer
    assert (packages.digest(sent) in waiting(pages)) == (status == 200)


@examples(100)
@given(body=st.binary(max_size=300) | st.lists(st.binary(max_size=40), min_size=5, max_size=5).map(b".".join) | JSON.map(encoded))
def test_no_body_keeps_the_page_from_answering(body: bytes, pages: Pages) -> None:
    assert pages.send(body)[0] == 400
    waiting(pages)


PART = "--x\r\nContent-Disposition: form-data; name=__pwd\r\n{}\r\n\r\nabc\r\n--x--\r\n"


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"__pwd=a", {"Content-Encoding": "gzip"}, 400), (b"__pwd=a", {"Content-Type": "application/x-www-form-urlencoded; charset=rot13"}, 400),
        (b"__pwd=%ed%a0%80", {}, 400), (b"__pwd=" + b"a" * 5000, {}, 413),
        *((PART.format(line).encode(), {"Content-Type": "multipart/form-data; boundary=x"}, 400) for line in ("no header", "Content-Transfer-Encoding: none", "A: b")),
    ],
)  # fmt: skip
def test_a_form_that_cannot_be_read_is_refused_on_the_page(body: bytes, headers: dict[str, str], status: int, pages: Pages) -> None:
    answered, page = pages.ask(pages.setup, "/certificateSetup", body, **headers)
    assert (answered, "Not installed" in page) == (status, True)


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br"])
def test_a_package_with_a_content_encoding_is_read_as_it_is(encoding: str, pages: Pages, sealed: bytes) -> None:
    status, answer = pages.ask(pages.distribution, "/setup/certificatedistribution", sealed, **{"Content-Encoding": encoding})
    assert (status, json.loads(answer)) == (200, {"digest": packages.digest(sealed)})
    assert (
        pages.ask(pages.distribution, "/setup/certificatedistribution", gzip.compress(sealed), **{"Content-Encoding": encoding})[0] == 400
    )


@examples(150)
@given(
    content=st.binary(max_size=200)
    | JSON.map(lambda value: json.dumps(value).encode())
    | st.fixed_dictionaries({"package": JSON, "source": JSON, "received_at": JSON | MOMENTS}).map(lambda value: json.dumps(value).encode())
    | st.integers(0, 4000).map(lambda size: b"\0" * size)
)
def test_a_damaged_file_in_waiting_is_removed_and_the_rest_stays(content: bytes, pages: Pages, sealed: bytes) -> None:
    assert pages.send(sealed)[0] == 200
    damaged = pages.home / "waiting" / f"{packages.digest(content)}.json"
    damaged.write_bytes(content)
    assert packages.digest(sealed) in waiting(pages)
    assert not damaged.exists()


def test_a_waiting_package_that_was_altered_on_the_disk_is_removed(pages: Pages, sealed: bytes) -> None:
    pages.send(sealed)
    file = pages.home / "waiting" / f"{packages.digest(sealed)}.json"
    for altered in (b"", b"\0" * file.stat().st_size, file.read_bytes().replace(sealed[-20:], b"A" * 20)):
        file.write_bytes(altered)
        assert packages.digest(sealed) not in waiting(pages)
        assert pages.send(sealed)[0] == 200
