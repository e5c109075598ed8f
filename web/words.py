"""Words that the sentences of several pages share."""

from collections.abc import Sequence


def counted(number: int, one: str, many: str = "") -> str:
    """`number` with its noun: 1 node, 2 nodes. `many` is for what does not end with an s."""
    return f"{number} {one if number == 1 else many or f'{one}s'}"


def listed(words: Sequence[str]) -> str:
    """The words as a list in a sentence: a, b and c."""
    return " and ".join(part for part in (", ".join(words[:-1]), *words[-1:]) if part)
