"""The sections of the node page on revoked certificates and exposed secrets."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from audit.actors import Actor
from nodes.inventory.sections import Place, Section, sections_register
from nodes.models import Node
from nodes.revocation.exposure import Secret, secrets_kept
from nodes.revocation.view_models import without_valid_certificate


@dataclass(frozen=True)
class RevokedCard:
    title: str
    text: str


@dataclass(frozen=True)
class SecretsCard:
    text: str
    secrets: list[Secret]


def _revoked(kinds: list[str]) -> RevokedCard:
    were, them = ("were", "them") if len(kinds) > 1 else ("was", "it")
    return RevokedCard(f"Its {' and its '.join(kinds)} certificate {were} revoked", f"No other machine accepts {them} any more.")


@sections_register
def sections(node: Node, actor: Actor, now: datetime) -> Iterator[Section]:
    for _, kinds in without_valid_certificate([node]):
        yield Section(Place.NOTES, 30, "nodes/revocation/revoked.html", _revoked(kinds))
    if secrets := secrets_kept(node, actor=actor, now=now):
        replace = f"{node.state_reason} Replace each of them:" if node.state_reason else "If other people can read its disk, replace them:"
        text = f"Its certificates are revoked, but the machine had other secrets too. {replace}"
        yield Section(Place.TOP, 10, "nodes/revocation/secrets.html", SecretsCard(text, secrets))
