"""The filter of a list: what it finds, what it refuses, and its bounds."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.db.models import Q
from hypothesis import given
from hypothesis import strategies as st

from certs.zone.services import zone_current
from nodes.inventory.tags import tags_stored
from nodes.models import NodeTag
from qrs.errors import FilterInvalid
from qrs.filters.fields import query_of, text
from qrs.filters.grammar import DEEPEST, LONGEST, MOST_CONDITIONS, OPERATORS, Both, Condition, Either, Filter, Not, filter_read
from qrs.node_configurations.fields import node_fields
from qrs.node_configurations.types import nodes_present, tag_id
from tests import factories
from tests.slow import examples

AT = datetime(2026, 11, 29, 14, 5, tzinfo=UTC)
ID = "6f1d2c3b-0a1b-4c2d-8e3f-0123456789ab"

# The words of a filter, as the clients write them → the names that it finds.
FOUND = {
    "name eq 'rim1'": ["rim1"],
    "(name eq 'rim1')": ["rim1"],
    "NAME EQ 'RIM1'": ["rim1"],
    "name ne 'rim1'": ["central", "o'hara"],
    "name sw 'RI'": ["rim1"],
    "name ew 'hara'": ["o'hara"],
    "hostName so 'EXAMPLE'": ["central", "o'hara", "rim1"],
    "name eq 'o\\'hara'": ["o'hara"],
    "name eq 'o''hara'": ["o'hara"],
    "name gt 'p'": ["rim1"],
    "name le 'central'": ["central"],
    f"id eq {ID}": ["rim1"],
    f"id eq '{ID}'": ["rim1"],
    f"id ne {ID}": ["central", "o'hara"],
    "isCentral eq true": ["central"],
    "isCentral ne True": ["o'hara", "rim1"],
    "engineEnabled eq true": ["rim1"],
    "engineEnabled eq false": ["central", "o'hara"],
    "nodePurpose eq 2": ["central", "o'hara", "rim1"],
    "nodePurpose eq Both and name eq 'rim1'": ["rim1"],
    "nodePurpose lt 2": [],
    "createdDate lt 2026-11-30": ["rim1"],
    "createdDate ge '2026-11-29T14:05:00.000Z' and createdDate le 2026-11-29T14:05:00": ["rim1"],
    "createdDate eq 2026-11-29T15:05:00+01:00": ["rim1"],
    "modifiedDate gt 2026-11-30T00:00:00.000Z": ["central", "o'hara"],
    "tags.name eq 'berlin'": ["rim1"],
    "tags.name ne 'berlin'": ["central", "o'hara"],
    f"tags.id eq {tag_id('berlin')}": ["rim1"],
    "serviceCluster.name eq 'ServiceCluster' and not isCentral eq true": ["o'hara", "rim1"],
    "not (name eq 'rim1' or name eq 'central')": ["o'hara"],
    "name eq 'rim1' or name eq 'central' and isCentral eq false": ["rim1"],
    "(name eq 'rim1' or name eq 'central') and isCentral eq true": ["central"],
    "not not name eq 'rim1'": ["rim1"],
    "name eq ''": [],
    "name eq '%'": [],
}
# What is refused → what the refusal says.
REFUSED = {
    "": "ends before a field",
    "name": "ends before an operator",
    "name eq": "A value is missing",
    "name eq 'rim1": "A text ends with a quotation mark",
    "name eq (": "A value is missing",
    "name is 'x'": "is not an operator",
    "name eq 'a' name eq 'b'": "Connect conditions",
    "(name eq 'a'": "is not closed",
    "name eq 'a')": "does not end",
    "'name' eq 'a'": "where a field belongs",
    "__class__ eq 'a'": "is not the name of a field",
    "name__startswith eq 'a'": "is not the name of a field",
    "observation.turn eq 'a'": "cannot be filtered by",
    "id eq 7": "is not an id",
    f"id gt {ID}": "Use eq or ne",
    "isCentral eq yes": "true or false",
    "isCentral sw true": "Use eq or ne",
    "nodePurpose sw 1": "does not apply",
    "nodePurpose eq 99999999999999999999": "is not a number",
    "createdDate gt yesterday": "is not a time",
    "createdDate gt 2026-13-45": "is not a time",
    "createdDate gt 0001-01-01T00:00:00+14:00": "outside the times",
    "createdDate so 2026": "is not a time",
    "name eq 'a\0b'": "cannot be printed",
    "(" * 10_000: "At most",
    "(" * (LONGEST - 20) + "name eq 'a'": "levels deep",
    "not " * 1_000 + "name eq 'a'": "levels deep",
    " or ".join(["a eq 1"] * (MOST_CONDITIONS + 1)): "more than",
}


@pytest.mark.django_db
def test_a_filter_finds_what_it_says(site_directory: Path) -> None:
    rim = factories.node("rim1", at=AT, id=ID, services=["engine", "proxy"])
    factories.node("o'hara", at=AT.replace(year=2027), host_name="ohara.example", services=["schedulerengine"])
    NodeTag.objects.bulk_create(NodeTag(node=rim, tag=tag) for tag in tags_stored(["berlin", "old"]))
    fields = node_fields(zone_current())
    for words, names in FOUND.items():
        found = nodes_present().filter(query_of(filter_read(words), fields))
        assert [node.name for node in found] == names, words


@pytest.mark.django_db
def test_what_is_no_filter_is_refused_with_the_reason(site_directory: Path) -> None:
    fields = node_fields(zone_current())
    for words, says in REFUSED.items():
        with pytest.raises(FilterInvalid, match=says):
            query_of(filter_read(words), fields)


def test_brackets_up_to_the_bound_are_read() -> None:
    assert filter_read("(" * DEEPEST + "a eq 1" + ")" * DEEPEST) == Condition("a", "eq", "1", is_text=False)


PARTS = [*"()' \\aé\n", "not ", "and ", "or ", "eq ", "name ", "'x' "]


@given(st.lists(st.sampled_from(PARTS), max_size=60).map("".join))
@examples(1000)
def test_any_text_is_read_or_refused(words: str) -> None:
    try:
        read = filter_read(words)
    except FilterInvalid:
        return
    assert isinstance(query_of(read, {"name": text("name"), "a": text("a"), "name.a": text("a")}), Q) if _known(read) else True


VALUES = st.text(alphabet=st.characters(codec="utf-8", categories=["L", "N", "P", "S", "Zs"]), max_size=20)
CONDITIONS = st.builds(
    Condition, st.from_regex(r"[a-z]{1,9}(\.[a-z]{1,9})?", fullmatch=True), st.sampled_from(OPERATORS), VALUES, st.just(True)
)
FILTERS = st.recursive(
    CONDITIONS,
    lambda part: st.one_of(
        st.builds(Not, part),
        st.builds(Both, st.lists(part, min_size=2, max_size=3).map(tuple)),
        st.builds(Either, st.lists(part, min_size=2, max_size=3).map(tuple)),
    ),
    max_leaves=6,
)


@given(FILTERS)
@examples(500)
def test_a_written_filter_is_read_back(tree: Filter) -> None:
    assert filter_read(_written(tree)) == tree


def _written(tree: Filter) -> str:
    if isinstance(tree, Condition):
        value = tree.value.replace("\\", "\\\\").replace("'", "\\'")
        return f"{tree.field} {tree.operator} '{value}'"
    if isinstance(tree, Not):
        return f"not ({_written(tree.part)})"
    return (" and " if isinstance(tree, Both) else " or ").join(f"({_written(part)})" for part in tree.parts)


def _known(tree: Filter) -> bool:
    """Whether the filter has only fields of the test."""
    if isinstance(tree, Condition):
        return tree.field in ("name", "a", "name.a")
    return _known(tree.part) if isinstance(tree, Not) else all(_known(part) for part in tree.parts)
