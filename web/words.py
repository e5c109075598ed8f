"""Words that the sentences of several pages share."""

from collections.abc import Sequence


def plural(number: int, one: str, many: str = "") -> str:
    """The form of a noun or verb for `number` things. `many` is for what does not end with an s."""
    return one if number == 1 else many or f"{one}s"


def counted(number: int, one: str, many: str = "") -> str:
    """`number` with its noun: 1 node, 2 nodes."""
    return f"{number} {plural(number, one, many)}"


def listed(words: Sequence[str]) -> str:
    """The words as a list in a sentence: a, b and c."""
    return " and ".join(part for part in (", ".join(words[:-1]), *words[-1:]) if part)
