"""The registration password: 24 random Crockford base32 symbols and one check symbol (Luhn mod 32)."""

import secrets

from pki.errors import PasswordMistyped

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford: no I, L, O, U
LENGTH = 25
READ_AS = str.maketrans({"O": "0", "I": "1", "L": "1", "-": None, " ": None})


def _luhn(symbols: str) -> int:
    """The Luhn sum modulo 32; 0 where the last symbol is the right check symbol."""
    total = 0
    for position, symbol in enumerate(reversed(symbols)):
        addend = ALPHABET.index(symbol) * (1 + position % 2)
        total += addend // 32 + addend % 32
    return total % 32


def generate() -> str:
    """A fresh password in canonical form: 25 symbols, 120 random bits."""
    body = "".join(secrets.choice(ALPHABET) for _ in range(LENGTH - 1))
    return body + ALPHABET[-_luhn(body + ALPHABET[0]) % 32]


def display(canonical_password: str) -> str:
    """Five groups of five, as a person reads it."""
    return "-".join(canonical_password[start : start + 5] for start in range(0, LENGTH, 5))


def canonical(typed: str) -> str:
    """What was typed, in canonical form: upper case, no dashes or spaces, O as 0, I and L as 1. Raises: PasswordMistyped."""
    password = typed.strip().upper().translate(READ_AS)
    if len(password) != LENGTH:
        raise PasswordMistyped(f"The password has {LENGTH} symbols in five groups of five; {len(password)} were typed.")
    if set(password) - set(ALPHABET) or _luhn(password):
        raise PasswordMistyped("A symbol is mistyped: the check symbol does not fit. Compare each group and type it again.")
    return password
