"""The status of an agent for the central node, or an error."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pki.exchange import agent_status

GOOD = {
    "value": 1,
    "waiting": ["ab" * 32],
    "refused": [],
    "wrong_passwords": 3,
    "trust_zone": None,
    "setup_url": "http://localhost:4570/certificateSetup",
}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=80),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=8,
)


def parsed(**changes: object) -> agent_status.AgentStatus:
    return agent_status.parse(json.dumps(GOOD | changes).encode())


@pytest.mark.parametrize(
    "url",
    ["http://localhost:4999/certificateSetup", "http://127.0.0.3:4570/certificateSetup", "http://[::1]:4570/certificateSetup", "http://localhost/certificateSetup"],
)  # fmt: skip
def test_setup_pages_on_loopback_are_linked(url: str) -> None:
    assert parsed(setup_url=url).setup_url == url


@pytest.mark.parametrize(
    "url",
    ["http://evil.example/certificateSetup", "https://localhost/certificateSetup", "http://localhost:99999/certificateSetup", "http://10.0.0.1/certificateSetup",
     "http://localhost:80@evil.example/certificateSetup", "http://localhost.evil.example/certificateSetup", "javascript:alert(1)", "http://localhost/other",
     "http://localhost:0/certificateSetup", "http://localhost:4570/certificateSetup?x", "http://localhost:4570/certificateSetup\n", "http://[::1/certificateSetup",
     "http://[fd00::1]/certificateSetup", "http://127.0.0.1" + "0" * 100 + "/certificateSetup", None, 7, ["http://localhost/certificateSetup"]],
)  # fmt: skip
def test_other_links_are_left_out(url: object) -> None:
    assert parsed(setup_url=url).setup_url == ""


@pytest.mark.parametrize(
    "change",
    [{"value": 3}, {"value": True}, {"value": "1"}, {"waiting": None}, {"waiting": ["x"]}, {"waiting": {}}, {"waiting": ["ab" * 32] * 1001}, {"refused": [1]},
     {"wrong_passwords": -1}, {"wrong_passwords": 1.0}, {"wrong_passwords": 10**9}, {"trust_zone": 5}, {"trust_zone": "<b>"}, {"paused_until": "soon"},
     {"paused_until": "0001-01-01T00:00:00+23:59"}],
    ids=str,
)  # fmt: skip
def test_an_invalid_status_is_an_error(change: dict) -> None:
    with pytest.raises(ValueError, match=r"."):
        parsed(**change)


def test_older_agents_send_fewer_members() -> None:
    content = {name: value for name, value in GOOD.items() if name != "setup_url"}
    assert agent_status.parse(json.dumps(content).encode()) == agent_status.AgentStatus(
        1, frozenset(["ab" * 32]), frozenset(), 3, None, "", None
    )
    assert parsed(paused_until="2026-11-29T10:00:00+00:00").paused_until == datetime(2026, 11, 29, 10, tzinfo=UTC)


@given(
    st.binary(max_size=100)
    | st.fixed_dictionaries({}, optional=dict.fromkeys([*GOOD, "paused_until"], JSON)).map(
        lambda content: json.dumps(GOOD | content).encode()
    )
)
def test_any_answer_is_a_status_or_an_error(body: bytes) -> None:
    try:
        status = agent_status.parse(body)
    except ValueError:
        return
    assert 0 <= status.wrong_passwords <= agent_status.MOST_WRONG
    assert len(status.setup_url) <= agent_status.LONGEST_URL
