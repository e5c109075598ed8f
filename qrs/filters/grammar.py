"""The filter of a list: a small grammar, read into a tree with bounds. Nothing of a filter is ever evaluated.

    filter    = and { "or" and }
    and       = not { "and" not }
    not       = "not" not | "(" filter ")" | condition
    condition = field operator value
    operator  = "eq" | "ne" | "gt" | "ge" | "lt" | "le" | "sw" | "ew" | "so"
    value     = 'text' | GUID | number | date | true | false | null | the name of an enumerated value

Words are read in any case. A quotation mark in a text is written as \\' or ''.
"""

import re
from dataclasses import dataclass

from qrs.errors import FilterInvalid

LONGEST, DEEPEST, MOST_CONDITIONS, LONGEST_SHOWN = 4096, 30, 100, 40
OPERATORS = ("eq", "ne", "gt", "ge", "lt", "le", "sw", "ew", "so")
_TOKEN = re.compile(r"\s*(?:(?P<bracket>[()])|'(?P<text>(?:[^'\\]|\\.|'')*)'|(?P<word>[^\s()']+))", re.DOTALL)
_FIELD = re.compile(r"[A-Za-z@][A-Za-z0-9@]*(?:\.[A-Za-z0-9@]+)*")


@dataclass(frozen=True)
class Condition:
    """One comparison. `field` is in lower case. `is_text` says that the value was in quotation marks."""

    field: str
    operator: str
    value: str
    is_text: bool


@dataclass(frozen=True)
class Not:
    part: "Filter"


@dataclass(frozen=True)
class Both:
    """All parts hold."""

    parts: "tuple[Filter, ...]"


@dataclass(frozen=True)
class Either:
    """At least one part holds."""

    parts: "tuple[Filter, ...]"


Filter = Condition | Not | Both | Either


@dataclass(frozen=True)
class _Token:
    kind: str
    value: str


def filter_read(text: str) -> Filter:
    """The tree of a filter. Raises: FilterInvalid."""
    if len(text) > LONGEST:
        raise FilterInvalid(f"The filter has {len(text)} characters. At most {LONGEST} are read.")
    if not all(character.isprintable() or character.isspace() for character in text):
        raise FilterInvalid("The filter has a character that cannot be printed. Remove it.")
    return _Reader(_tokens(text)).whole()


def _tokens(text: str) -> list[_Token]:
    found, at = [], 0
    text = text.rstrip()
    while at < len(text):
        token = _TOKEN.match(text, at)
        if token is None:
            raise FilterInvalid(f"The filter cannot be read from “{_shown(text[at:].strip())}”. A text ends with a quotation mark.")
        kind, at = str(token.lastgroup), token.end()
        value = token[kind]
        found.append(_Token(kind, re.sub(r"\\(['\\])|'(')", r"\1\2", value) if kind == "text" else value))
    return found


def _shown(text: str) -> str:
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}…"


class _Reader:
    """Reads the tokens from left to right, by recursion that is at most `DEEPEST` deep."""

    def __init__(self, tokens: list[_Token]) -> None:
        self.tokens, self.at, self.conditions = tokens, 0, 0

    def whole(self) -> Filter:
        found = self._either(0)
        if (left := self._peek()) is not None:
            raise FilterInvalid(f"The filter does not end at “{_shown(left.value)}”. Connect conditions with and or or.")
        return found

    def _peek(self) -> _Token | None:
        return self.tokens[self.at] if self.at < len(self.tokens) else None

    def _takes(self, kind: str, value: str) -> bool:
        """Whether this token comes next. Then it is read."""
        token = self._peek()
        is_next = token is not None and (token.kind, token.value.lower()) == (kind, value)
        self.at += is_next
        return is_next

    def _either(self, depth: int) -> Filter:
        parts = [self._both(depth)]
        while self._takes("word", "or"):
            parts.append(self._both(depth))
        return parts[0] if len(parts) == 1 else Either(tuple(parts))

    def _both(self, depth: int) -> Filter:
        parts = [self._one(depth)]
        while self._takes("word", "and"):
            parts.append(self._one(depth))
        return parts[0] if len(parts) == 1 else Both(tuple(parts))

    def _one(self, depth: int) -> Filter:
        if depth > DEEPEST:
            raise FilterInvalid(f"The filter is nested more than {DEEPEST} levels deep.")
        if self._takes("word", "not"):
            return Not(self._one(depth + 1))
        if self._takes("bracket", "("):
            found = self._either(depth + 1)
            if not self._takes("bracket", ")"):
                raise FilterInvalid("A bracket of the filter is not closed.")
            return found
        return self._condition()

    def _condition(self) -> Condition:
        self.conditions += 1
        if self.conditions > MOST_CONDITIONS:
            raise FilterInvalid(f"The filter has more than {MOST_CONDITIONS} conditions.")
        field, operator = self._word("a field"), self._word("an operator").lower()
        if not _FIELD.fullmatch(field):
            raise FilterInvalid(f"“{_shown(field)}” is not the name of a field.")
        if operator not in OPERATORS:
            raise FilterInvalid(f"“{_shown(operator)}” is not an operator. Use: {', '.join(OPERATORS)}.")
        value = self._peek()
        if value is None or value.kind == "bracket":
            raise FilterInvalid(f"A value is missing after “{_shown(field)} {operator}”.")
        self.at += 1
        return Condition(field.lower(), operator, value.value, value.kind == "text")

    def _word(self, what: str) -> str:
        token = self._peek()
        if token is None or token.kind != "word":
            raise FilterInvalid(
                f"The filter has “{_shown(token.value)}” where {what} belongs." if token else f"The filter ends before {what}."
            )
        self.at += 1
        return token.value
