"""Whether an administrator must copy the QlikServiceCluster certificate to each node (S7)."""

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import total_ordering

from pki.core.errors import ReleaseUnknown

MONTHS = {"February": 2, "April": 4, "May": 5, "June": 6, "August": 8, "September": 9, "November": 11}
LATER_MONTHS, LATER_SINCE = ("May", "August"), 2021  # releases came in these months from 2021 on
FORM = re.compile(r"([A-Za-z]+) ([0-9]{4})")
EARLIEST, LATEST = 2014, 2099
WHAT_TO_GIVE = (
    "Give the month in English and the year with four digits, such as September 2020. Releases came in February, April, June, September and "
    "November, from 2021 on in May and August too."
)


class Installation(StrEnum):
    NEW = "new"
    UPGRADE = "upgrade"


class AppDistribution(StrEnum):
    NONE = "none"
    USES = "uses"
    WILL_USE = "will_use"


@total_ordering
@dataclass(frozen=True)
class Release:
    """One release of the product; a later one is greater."""

    month: str
    year: int

    def __str__(self) -> str:
        return f"{self.month} {self.year}"

    def __lt__(self, other: "Release") -> bool:
        return (self.year, MONTHS[self.month]) < (other.year, MONTHS[other.month])

    @classmethod
    def parse(cls, text: str) -> "Release":
        """Such as "September 2020", in any case. Raises: ReleaseUnknown, saying what to give."""
        found = FORM.fullmatch(text)
        month = found[1].capitalize() if found else ""
        year = int(found[2]) if found else 0
        if month not in MONTHS or not EARLIEST <= year <= LATEST or (month in LATER_MONTHS and year < LATER_SINCE):
            raise ReleaseUnknown(f"“{text[:40]}” is no release. {WHAT_TO_GIVE}")
        return cls(month, year)


LAST_WITHOUT, FIRST_WITH = Release("June", 2020), Release("September", 2020)


@dataclass(frozen=True)
class Site:
    """The facts for the decision. `upgraded_from` and `release` are None if they are not known. A new installation needs neither."""

    installation: Installation
    nodes: int
    app_distribution: AppDistribution
    upgraded_from: Release | None = None
    release: Release | None = None


@dataclass(frozen=True)
class Answer:
    """Whether manual configuration is required, and why, for an administrator."""

    required: bool
    reason: str


def manual_configuration(site: Site) -> Answer:
    """The decision. Raises: ReleaseUnknown if releases of an upgrade are missing, or the second is not the later one."""
    if site.installation is Installation.NEW:
        return Answer(False, "This is a new installation: every node gets the certificate when it is registered.")
    before, after = site.upgraded_from, site.release
    if before is None or after is None:
        raise ReleaseUnknown(f"An upgrade goes from one release to another, and one of them is missing. {WHAT_TO_GIVE}")
    if not before < after:
        raise ReleaseUnknown(f"{after} is not later than {before}. Change one of the two releases.")
    if site.nodes < 2:
        return Answer(False, "This site has one node: the upgrade of a single-node site needs no manual configuration.")
    if site.app_distribution is AppDistribution.NONE:
        return Answer(False, "This site neither uses nor will use app distribution, and the certificate has no other use.")
    if after <= LAST_WITHOUT:
        return Answer(False, f"{after} does not use the certificate yet: it came with {FIRST_WITH}.")
    if before >= FIRST_WITH:
        return Answer(False, f"The site came from {before}, which had the certificate already.")
    uses = "uses" if site.app_distribution is AppDistribution.USES else "will use"
    return Answer(
        True,
        f"This site of {site.nodes} nodes was upgraded from {before} to {after} and {uses} app distribution: from {FIRST_WITH} on every node needs "
        "the site's certificate, and the upgrade installs it on the central node only.",
    )
