"""Reports of nodes: every report is read, or refused with the field."""

import dataclasses
import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.version import VERSION, system
from pki.core import clocks
from pki.core.errors import ReportInvalid
from pki.exchange.kept_report import KEPT, kept
from pki.exchange.report import HELD, LARGEST_REPORT, OPTIONAL, REQUIRED, Report
from pki.foreign import browser_choice
from tests.slow import examples

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
NEW, OLD = "a" * 64, "b" * 64
RUN = {"at": NOW.isoformat(), "exit": 0, "generation": 1}
# What the agent of commit 1c0c2c0 sends, and nothing more.
BEFORE: dict[str, Any] = {
    "generation": 3, "trusts": [OLD], "revocation_lists": {OLD: 1795435200}, "installed": dict.fromkeys(HELD, NEW),
    "browser": {"revision": "", "problem": ""}, "served": {"service": NEW, "engine": None}, "hook": None, "database_keys": ["0123456789abcdef"],
    "proofs": {"0123456789abcdef": "00ff" * 16}, "clock": "2026-11-24T12:00:00.123456+00:00", "listening": True, "cluster_proof": None,
}  # fmt: skip


def body(**fields: Any) -> bytes:
    return json.dumps(BEFORE | fields).encode()


def refused(content: bytes) -> str:
    with pytest.raises(ReportInvalid) as caught:
        Report.parse(content)
    return caught.value.field


def test_the_report_of_an_older_agent_is_understood() -> None:
    report = Report.parse(body())
    assert (report.generation, report.clock.microsecond, report.served["engine"]) == (3, 123456, None)
    assert (report.hook, report.cluster_proof, report.version, report.system) == ({}, "", "", "")
    assert report.proofs == {"0123456789abcdef": bytes.fromhex("00ff" * 16)}


@pytest.mark.parametrize("left_out", OPTIONAL)
def test_an_optional_field_may_be_absent_or_null(left_out: str) -> None:
    absent = {name: value for name, value in BEFORE.items() if name != left_out}
    assert Report.parse(json.dumps(absent).encode()) == Report.parse(body(**{left_out: None}))


@pytest.mark.parametrize("left_out", REQUIRED)
def test_a_required_field_that_is_missing_is_named(left_out: str) -> None:
    assert refused(json.dumps({name: value for name, value in BEFORE.items() if name != left_out}).encode()) == left_out
    assert refused(body(**{left_out: None})) == left_out


@pytest.mark.parametrize(
    "fields",
    [{"hook": RUN}, {"hook": RUN | {"exit": None}}, {"hook": RUN | {"exit": -9}}, {"browser": {"revision": "c" * 64, "problem": "expired", "more": 1}},
     {"served": {"service": None, **{f"s-{number}": OLD for number in range(10)}}}, {"clock": "1970-01-01T00:00:00Z"}, {"something": "newer"},
     {"clock": "9999-12-31T23:59:59.999999Z"}, {"clock": "2026-11-24T12:00:00+14:00"}, {"version": VERSION, "system": system()}],
    ids=lambda fields: json.dumps(fields)[:50],
)  # fmt: skip
def test_valid_values_of_a_report(fields: dict[str, Any]) -> None:
    assert Report.parse(body(**fields)).to_json() is not None


DEEP: Any = []
for _ in range(500):
    DEEP = [DEEP]
INVALID = [
    *({"clock": value} for value in ("0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "1969-12-31T23:59:59Z", "2026-11-24T12:00:00", 5, "now", "")),
    *({"generation": value} for value in (True, -1, 2**31, 1.0, "1", [])),
    *({"trusts": value} for value in ([OLD] * 51, {OLD: 1}, ["short"], [5], [OLD.upper()], [OLD + "\n"], DEEP)),
    *({"revocation_lists": value} for value in ({OLD: True}, {OLD: -1}, {OLD: 2**63}, {OLD: 1.5}, {OLD: None}, {"x": 1}, [], {f"{n:064x}": 1 for n in range(51)})),
    *({"installed": value} for value in ({"engine": OLD}, {"service": None}, {"service": "x"}, [])),
    *({"served": value} for value in ({"Engine": OLD}, {"x" * 21: OLD}, {"": OLD}, {"engine": "short"}, {f"s{n}": OLD for n in range(12)}, {"\ud800": OLD})),
    *({"listening": value} for value in (1, "true", 0)),
    *({"database_keys": value} for value in (["0" * 15], ["0" * 16] * 11, "0123456789abcdef", [5])),
    *({"proofs": value} for value in ({"0" * 16: "0"}, {"0" * 16: "zz"}, {"0" * 16: "00" * 65}, {"0" * 16: 5}, {"x": "00"})),
    *({"hook": value} for value in (1, {}, [], RUN | {"exit": "0"}, RUN | {"exit": 256}, RUN | {"exit": True}, RUN | {"generation": -1}, RUN | {"at": 5})),
    *({"hook": RUN | {"at": value}} for value in ("0001-01-01T00:00:00+23:59", "2026-11-24T12:00:00", "9999-12-31T23:59:59-00:01")),
    *({"browser": value} for value in (1, [], {}, {"revision": "x", "problem": ""}, {"revision": "", "problem": "tired"}, {"revision": 5, "problem": ""})),
    *({"cluster_proof": value} for value in (5, "x" * 2049, "ü", "a\0b", ["x"])),
    *({"version": value} for value in (1, "x" * 41, "1 2", "\ud800")), *({"system": value} for value in (1, "x" * 101, "a\nb", "a\0", "Grüße")),
]  # fmt: skip


@pytest.mark.parametrize("fields", INVALID, ids=lambda fields: ascii(fields)[:60])
def test_a_value_outside_its_range_is_refused_with_the_field(fields: dict[str, Any]) -> None:
    assert refused(body(**fields)) == next(iter(fields))


@pytest.mark.parametrize(
    "content",
    [b"", b"[", b"null", b"[]", b"5", b"\xff", b'"x"', b"[" * 60000, b'{"a":' * 10000, b"9" * 60000, body(padding="x" * LARGEST_REPORT),
     body().replace(b'"generation": 3', b'"generation": NaN'), body().replace(b'"generation": 3', b'"generation": -Infinity'), "{}".encode("utf-16")[:3]],
    ids=lambda content: ascii(content[:20]),
)  # fmt: skip
def test_other_content_is_refused(content: bytes) -> None:
    assert refused(content) == ""


def test_a_number_beyond_every_float_is_refused_by_field() -> None:
    assert refused(body().replace(b'"generation": 3', b'"generation": 1e999')) == "generation"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.sampled_from([NEW, "0" * 16, RUN, NOW.isoformat()]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([NEW, "service", "0" * 16, "at"]) | st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip


@examples(200)
@given(fields=st.dictionaries(st.sampled_from([*REQUIRED, *OPTIONAL]), json_values, max_size=4))
def test_any_report_is_read_whole_or_refused_by_field(fields: dict[str, Any]) -> None:
    try:
        report = Report.parse(body(**fields))
    except ReportInvalid as exc:
        field = exc.field
    else:
        field = ""
        assert Report.parse(json.dumps(report.to_json()).encode()) == report
    assert field in {"", *fields}


sha256 = st.integers(0, 50).map("{:064x}".format)
key_id = st.integers(0, 50).map("{:016x}".format)
zones = st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes)))
times = st.datetimes(datetime(1970, 1, 2), datetime(9999, 12, 30), timezones=zones)  # noqa: DTZ001 (zones gives the zone)
reports = st.builds(
    Report,
    generation=st.integers(0, 2**31 - 1), clock=times, trusts=st.lists(sha256, max_size=4),
    revocation_lists=st.dictionaries(sha256, st.integers(0, 2**63 - 1), max_size=5),
    installed=st.dictionaries(st.sampled_from(HELD), sha256), listening=st.booleans(),
    served=st.dictionaries(st.text("az09-", min_size=1, max_size=20), st.none() | sha256, max_size=3),
    database_keys=st.lists(key_id, max_size=3), proofs=st.dictionaries(key_id, st.binary(min_size=1, max_size=64), max_size=3),
    hook=st.just({}) | st.fixed_dictionaries({"at": times.map(lambda at: at.astimezone(UTC).isoformat()), "exit": st.none() | st.integers(-255, 255),
                                              "generation": st.integers(0, 2**31 - 1)}),
    browser=st.just({}) | st.fixed_dictionaries({"revision": st.just("") | sha256, "problem": st.sampled_from(["", *sorted(browser_choice.PROBLEMS)])}),
    cluster_proof=st.text("AZaz09._-", max_size=20), version=st.text("09AZaz.+-", max_size=40), system=st.text(" !~Az", max_size=100),
)  # fmt: skip


@examples(100)
@given(report=reports)
def test_the_central_node_reads_what_the_agent_writes(report: Report) -> None:
    written = json.dumps(report.to_json()).encode()
    assert len(written) <= LARGEST_REPORT
    assert Report.parse(written) == report
    assert {field.name for field in dataclasses.fields(Report)} == {*REQUIRED, *OPTIONAL}


@examples(100)
@given(name=st.sampled_from(sorted(KEPT)), value=json_values)
def test_values_of_older_versions_are_checked_too(name: str, value: Any) -> None:
    found = kept(name, value)
    assert json.loads(json.dumps(found)) == found
    assert kept(name, found) == found


@pytest.mark.parametrize(("offset", "stored"), [(5.5, 5.5), (-1e12, -31536000), (1e12, 31536000), (float("inf"), 31536000)])
def test_a_clock_offset_beyond_a_year_is_the_bound(offset: float, stored: float) -> None:
    assert clocks.bounded(offset) == stored
