"""Take and release names. A host name and the machine of an export have one holder. Nodes may share further names and addresses.

Call these before `audit.record`, in the transaction that writes the holder: locks are taken in this order, names in the order of the alphabet.
"""

import ipaddress
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from certs.names.holders import HolderWords, holder_words
from certs.names.models import HolderKind, NameClaim, NameHolder
from sealing.errors import TrustZoneError
from web.search import beginning


@dataclass(frozen=True)
class Names:
    """All names of one holder: exclusive names, and names that it may share."""

    kind: HolderKind
    holder_id: uuid.UUID
    exclusive: tuple[str, ...] = ()
    shared: tuple[str, ...] = ()

    def by_key(self) -> dict[str, bool]:
        """Whether each name is exclusive, by the form in which names are compared."""
        return {name_key(name): False for name in self.shared} | {name_key(name): True for name in self.exclusive}


@dataclass(frozen=True)
class Conflict:
    """`name`, as it was typed, is in use by another holder."""

    name: str
    exclusive: bool
    kind: HolderKind
    holder: HolderWords

    def __str__(self) -> str:
        return f"{self.name} is a name of {self.holder.words}. Each could impersonate the other. {self.holder.remedy}"


class NamesTaken(TrustZoneError):
    """Other nodes or exports have requested names: one conflict for each name."""

    def __init__(self, conflicts: Sequence[Conflict]) -> None:
        super().__init__(" ".join(map(str, conflicts)))
        self.conflicts = conflicts


@dataclass(frozen=True)
class Dispute:
    """An exclusive name with several holders. `holders` begins with the disputed one."""

    name: str
    holders: tuple[HolderWords, ...]
    since: datetime
    remedy = "Keep the name for one of them: change the further names of a node, decommission a node, or revoke an export."

    def __str__(self) -> str:
        return f"{self.name} is a name of {' and '.join(holder.words for holder in self.holders)}. Each could impersonate the other. They keep working."


def name_key(name: str) -> str:
    """The form in which names are compared: lower case, and addresses in their standard form."""
    try:
        return str(ipaddress.ip_address(name))
    except ValueError:
        return name.lower()


def name_conflicts(requested: Sequence[Names]) -> list[Conflict]:
    """Names that cannot be taken because other holders have them, without names that this holder already has, even if they are disputed."""
    keys = {key for names in requested for key in names.by_key()}
    holders: dict[str, list[NameHolder]] = {}
    for row in NameHolder.objects.filter(claim__name__in=keys).select_related("claim"):
        holders.setdefault(row.claim.name, []).append(row)
    found = [(name, exclusive, other) for names in requested for name, exclusive, other in _conflicts_of(names, holders)]
    words = holder_words(other for _, _, other in found)
    return [Conflict(name, exclusive, HolderKind(other.kind), words[other.holder_id]) for name, exclusive, other in found]


def _conflicts_of(names: Names, holders: dict[str, list[NameHolder]]) -> Iterable[tuple[str, bool, NameHolder]]:
    for name in dict.fromkeys([*names.exclusive, *names.shared]):
        exclusive, rows = names.by_key()[name_key(name)], holders.get(name_key(name), [])
        if any(row.holder_id == names.holder_id and row.exclusive == exclusive for row in rows):
            continue
        others = (row for row in rows if row.holder_id != names.holder_id and (exclusive or row.exclusive))
        if other := next(others, None):
            yield name, exclusive, other


def holders_beginning(kind: HolderKind, text: str, *, most: int) -> list[uuid.UUID]:
    """The holders of names that begin with `text`, at most `most`, in the order of the names."""
    rows = NameHolder.objects.filter(beginning("claim__name", text.lower()), kind=kind).order_by("claim__name")
    return [*rows.values_list("holder_id", flat=True)[:most]]


@transaction.atomic
def names_take(*, requested: Sequence[Names], now: datetime, dispute: bool = False) -> None:
    """Give each holder these names and no others. With `dispute`, names of other holders are recorded as disputed.

    The caller has locked the row of a holder that already exists. Raises: NamesTaken, unless `dispute`.
    """
    own = NameHolder.objects.filter(holder_id__in=[names.holder_id for names in requested]).select_related("claim")
    rows = {(row.holder_id, row.claim.name): row for row in own}
    claims = _locked({name for _, name in rows} | {key for names in requested for key in names.by_key()})
    if not dispute and (conflicts := name_conflicts(requested)):
        raise NamesTaken(conflicts)
    kept = {(names.holder_id, key): (names, exclusive) for names in requested for key, exclusive in names.by_key().items()}
    NameHolder.objects.filter(pk__in=[row.pk for place, row in rows.items() if place not in kept]).delete()
    new = []
    for (holder_id, key), (names, exclusive) in kept.items():
        row = rows.get((holder_id, key))
        if row is None:
            new.append(NameHolder(claim=claims[key], kind=names.kind, holder_id=holder_id, exclusive=exclusive, disputed=True, since=now))
        elif row.exclusive != exclusive:
            NameHolder.objects.filter(pk=row.pk).update(exclusive=exclusive, disputed=True)
    NameHolder.objects.bulk_create(new)
    _settle(claims.values())


def names_release(*, kind: HolderKind, holder_id: uuid.UUID, now: datetime) -> None:
    """Release the names of the holder. Other holders that shared or disputed them keep them."""
    names_take(requested=[Names(kind, holder_id)], now=now)


def _locked(keys: set[str]) -> dict[str, NameClaim]:
    """The claims of these names. Missing claims are made, and all are locked until the transaction ends.

    One statement for each name does both, so no other transaction can delete a claim in between, and two transactions never deadlock.
    """
    made = [NameClaim(name=key, exclusive=False) for key in sorted(keys)]
    NameClaim.objects.bulk_create(made, update_conflicts=True, unique_fields=["name"], update_fields=["name"])
    return {claim.name: claim for claim in NameClaim.objects.filter(name__in=keys)}


def _settle(claims: Iterable[NameClaim]) -> None:
    """Give free names to their disputed holders, the earliest first. A claim without a holder is deleted."""
    holders: dict[uuid.UUID, list[NameHolder]] = {claim.pk: [] for claim in claims}
    for row in NameHolder.objects.filter(claim__in=holders):
        holders[row.claim_id].append(row)
    settled: list[NameHolder] = []
    exclusive: dict[bool, list[uuid.UUID]] = {False: [], True: []}
    for claim, rows in holders.items():
        accepted = [row for row in rows if not row.disputed]
        for row in rows:
            if row.disputed and not any(row.exclusive or other.exclusive for other in accepted):
                accepted.append(row)
                settled.append(row)
        exclusive[any(row.exclusive for row in accepted)].append(claim)
    NameHolder.objects.filter(pk__in=[row.pk for row in settled]).update(disputed=False)
    for value, keys in exclusive.items():
        NameClaim.objects.filter(pk__in=keys).exclude(exclusive=value).update(exclusive=value)
    NameClaim.objects.filter(pk__in=[claim for claim, rows in holders.items() if not rows]).delete()


def disputes(*, holder_id: uuid.UUID | None = None) -> list[Dispute]:
    """All disputed names, or those of one holder. Two queries, and one for each kind of holder."""
    claims = NameClaim.objects.filter(pk__in=NameHolder.objects.filter(disputed=True).values("claim"))
    if holder_id is not None:
        claims = claims.filter(holders__holder_id=holder_id)
    rows = list(NameHolder.objects.filter(claim__in=claims).select_related("claim"))
    words = holder_words(rows)
    found = []
    for row in (row for row in rows if row.disputed):
        others = [other for other in rows if other.claim_id == row.claim_id and other is not row and (row.exclusive or other.exclusive)]
        found.append(Dispute(row.claim.name, tuple(words[holder.holder_id] for holder in (row, *others)), row.since))
    return found
