"""Words that the sentences of several pages share."""


def counted(number: int, one: str, many: str = "") -> str:
    """`number` with its noun: 1 node, 2 nodes. `many` is for what does not end with an s."""
    return f"{number} {one if number == 1 else many or f'{one}s'}"
