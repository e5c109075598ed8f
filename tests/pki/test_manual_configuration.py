"""The table of S7, the order of releases, and properties for all sites."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pki.cluster.manual_configuration import (
    FIRST_WITH,
    LAST_WITHOUT,
    LATER_MONTHS,
    LATER_SINCE,
    MONTHS,
    AppDistribution,
    Installation,
    Release,
    Site,
    manual_configuration,
)
from pki.core.errors import ReleaseUnknown

NONE, USES, WILL = AppDistribution
UPGRADE, NEW = Installation.UPGRADE, Installation.NEW
TABLE = [
    # installation, nodes, from, to, app distribution, required, why
    (NEW, 1, "", "September 2020", USES, False, "new installation"),
    (NEW, 3, "", "September 2020", USES, False, "new installation"),
    (NEW, 3, "", "", NONE, False, "new installation"),
    (UPGRADE, 1, "June 2020", "September 2020", USES, False, "single-node"),
    (UPGRADE, 1, "June 2020", "September 2020", WILL, False, "single-node"),
    (UPGRADE, 5, "June 2020", "September 2020", NONE, False, "neither uses nor will use"),
    (UPGRADE, 2, "June 2020", "September 2020", USES, True, "uses app distribution"),
    (UPGRADE, 2, "June 2020", "September 2020", WILL, True, "will use app distribution"),
    (UPGRADE, 9, "February 2019", "November 2021", USES, True, "February 2019"),
    (UPGRADE, 9, "June 2017", "May 2023", WILL, True, "May 2023"),
    (UPGRADE, 2, "September 2020", "November 2020", USES, False, "had the certificate already"),
    (UPGRADE, 2, "April 2020", "June 2020", USES, False, "does not use the certificate yet"),
    (UPGRADE, 2, "November 2020", "February 2021", WILL, False, "had the certificate already"),
]
NONSENSE = [
    "", " ", "Septembre 2020", "September 20", "September", "2020", "September2020", "September  2020", "2020 September", "Sep 2020", "9/2020", "3.2",
    "March 2020", "May 2020", "August 2020", "September 20200", "September -2020", "September 0000", "September ２０２０", "September 2020 ", "July 2021",
    "September 2020; DROP TABLE", "x" * 10_000, "September\n2020", "September 2013", "September 2100", "\u202eSeptember 2020",
]  # fmt: skip


def release(text: str) -> Release | None:
    return Release.parse(text) if text else None


@pytest.mark.parametrize(("installation", "nodes", "before", "after", "use", "required", "why"), TABLE)
def test_manual_configuration_is_required_where_the_seed_says_so(installation, nodes, before, after, use, required, why) -> None:
    answer = manual_configuration(Site(installation, nodes, use, release(before), release(after)))
    assert answer.required is required
    assert why in answer.reason


@pytest.mark.parametrize("text", NONSENSE, ids=lambda text: repr(text)[:30])
def test_invalid_releases_are_refused_with_the_remedy(text: str) -> None:
    with pytest.raises(ReleaseUnknown, match="such as September 2020") as refused:
        Release.parse(text)
    assert len(str(refused.value)) < 400


@pytest.mark.parametrize(
    ("before", "after"), [("September 2020", "June 2020"), ("June 2020", "June 2020"), ("", "September 2020"), ("June 2020", "")]
)
def test_an_upgrade_goes_forward_between_two_releases(before: str, after: str) -> None:
    with pytest.raises(ReleaseUnknown):
        manual_configuration(Site(UPGRADE, 3, USES, release(before), release(after)))


releases = st.builds(Release, st.sampled_from(sorted(MONTHS)), st.integers(2014, 2099)).filter(
    lambda day: day.month not in LATER_MONTHS or day.year >= LATER_SINCE
)


@given(releases, releases)
def test_releases_read_as_they_are_written_and_have_one_order(one: Release, other: Release) -> None:
    assert Release.parse(str(one)) == Release.parse(str(one).upper()) == one
    assert [one < other, one == other, one > other].count(True) == 1
    assert one.year == other.year or (one < other) == (one.year < other.year)


@given(st.sampled_from(Installation), st.integers(1, 50), st.sampled_from(AppDistribution), releases, releases)
def test_required_is_exactly_what_the_seed_says(installation, nodes, use, before, after) -> None:
    if installation is UPGRADE and before >= after:
        return
    answer = manual_configuration(Site(installation, nodes, use, before, after))
    crosses = before <= LAST_WITHOUT and after >= FIRST_WITH
    assert answer.required == (installation is UPGRADE and nodes > 1 and use is not NONE and crosses)
    assert answer.reason.endswith(".")
