"""The URLs and host names of a console for browsers."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pki.core import origins
from pki.core.errors import InvalidName

ORIGINS = {
    "https://console.example": "https://console.example",
    "https://Console.Example:443/": "https://console.example",
    "https://console.example:8444": "https://console.example:8444",
    "https://10.4.2.1:8443": "https://10.4.2.1:8443",
    "https://[FD00::1]:8443/": "https://[fd00::1]:8443",
}
NO_ORIGINS = {
    "": "not a URL",
    "console.example": "not a URL",
    "http://console.example": "not a URL",
    "https://": "not a URL",
    "https://a b.example": "not a URL",
    "https://user@console.example": "not a URL",
    "https://console.example/app": "path",
    "https://console.example?x": "path",
    "https://console.example:99999": "not a URL",
    "https://console.example:0": "not a URL",
    "https://console.example.": "ends with a dot",
    "https://bücher.example": "the form that DNS has: xn--bcher-kva.example",
    "https://ü..example": "which begins with xn--",
    "https://[::": "not a URL",
    "https://0.0.0.0:8443": "all addresses",
    "https://*.example": "wildcard",
    "null": "not a URL",
}
HOSTS = {"Console.Example": "console.example", "10.4.2.1": "10.4.2.1", "[FD00::1]": "[fd00::1]"}
NO_HOSTS = {"": "empty", "console.example:8443": "port", "::1": "port", "0.0.0.0": "all addresses", "*": "wildcard", "a b": "space"}


@pytest.mark.parametrize("text", ORIGINS)
def test_an_origin_is_kept_as_a_browser_writes_it(text: str) -> None:
    assert origins.origin(text) == ORIGINS[text]
    assert origins.origin(origins.origin(text)) == ORIGINS[text]


@pytest.mark.parametrize("text", NO_ORIGINS)
def test_an_invalid_origin_is_refused_with_the_reason(text: str) -> None:
    with pytest.raises(InvalidName, match=NO_ORIGINS[text]):
        origins.origin(text)


@pytest.mark.parametrize("text", HOSTS)
def test_a_host_is_kept_in_lower_case(text: str) -> None:
    assert origins.allowed_host(text) == HOSTS[text]


@pytest.mark.parametrize("text", NO_HOSTS)
def test_an_invalid_host_is_refused_with_the_reason(text: str) -> None:
    with pytest.raises(InvalidName, match=NO_HOSTS[text]):
        origins.allowed_host(text)


@given(st.text(max_size=40) | st.builds("https://{}:{}".format, st.text(max_size=20), st.integers()))
def test_any_text_is_accepted_or_refused(text: str) -> None:
    for check in (origins.origin, origins.allowed_host):
        with contextlib.suppress(InvalidName):
            assert check(check(text)) == check(text)
