"""The registration password: 24 random Crockford base32 symbols and one check symbol (Luhn mod 32)."""

import secrets
import unicodedata

from pki.core.errors import PasswordMistyped

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford: no I, L, O, U
LENGTH = 25
READ_AS = str.maketrans({"O": "0", "I": "1", "L": "1"})
# Unicode's categories of separators, control and format characters, dashes, connectors, quotes and brackets.
LEFT_OUT = frozenset({"Zs", "Zl", "Zp", "Cc", "Cf", "Pd", "Pc", "Pi", "Pf", "Ps", "Pe"})
# Further quotes and separators, the minus sign, the hyphen bullet, and characters that are not drawn: fillers, joiner, variation selectors.
ALSO_LEFT_OUT = frozenset("\"'`´′″.,;:/\\|·•−⁃‧\u034f\u115f\u1160\u2800\u3164\uffa0" + "".join(map(chr, range(0xFE00, 0xFE10))))


def _luhn(symbols: str) -> int:
    """The Luhn sum modulo 32; 0 if the last symbol is the right check symbol."""
    total = 0
    for position, symbol in enumerate(reversed(symbols)):
        addend = ALPHABET.index(symbol) * (1 + position % 2)
        total += addend // 32 + addend % 32
    return total % 32


def generate() -> str:
    """A new password in canonical form: 25 symbols, 120 random bits."""
    body = "".join(secrets.choice(ALPHABET) for _ in range(LENGTH - 1))
    return body + ALPHABET[-_luhn(body + ALPHABET[0]) % 32]


def display(canonical_password: str) -> str:
    """Five groups of five, for a person."""
    return "-".join(canonical_password[start : start + 5] for start in range(0, LENGTH, 5))


def _is_no_symbol(character: str) -> bool:
    """Whether a page, a mail or a word processor may add it: spaces, dashes, quotes, line breaks, invisible characters."""
    return unicodedata.category(character) in LEFT_OUT or character in ALSO_LEFT_OUT


def _symbols(character: str) -> str:
    """The symbols for one typed character; "" for a separator. Full-width and other forms of a letter are the letter (NFKC)."""
    plain = unicodedata.normalize("NFKC", character)
    return "".join(symbol.upper() if symbol.isascii() else symbol for symbol in plain if not _is_no_symbol(symbol)).translate(READ_AS)


def _named(character: str) -> str:
    name = unicodedata.name(character, f"U+{ord(character):04X}")
    return f"“{character}” ({name})" if character.isprintable() else name


def canonical(typed: str) -> str:
    """The typed password in canonical form: upper case, no separators, O as 0, I and L as 1. Raises: PasswordMistyped, with the reason."""
    password = ""
    for position, character in enumerate(typed, 1):
        symbols = "" if _is_no_symbol(character) else _symbols(character)
        if set(symbols) - set(ALPHABET):
            raise PasswordMistyped(
                f"Character {position}, {_named(character)}, does not occur in a password. Passwords have only the letters A to Z without U, and digits."
            )
        password += symbols
    if len(password) != LENGTH:
        raise PasswordMistyped(f"The password has {LENGTH} symbols in five groups of five. {len(password)} were typed.")
    if _luhn(password):
        raise PasswordMistyped("The check symbol is wrong, so a symbol is mistyped. Compare each group and type it again.")
    return password
