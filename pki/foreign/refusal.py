"""Why OpenSSL refuses a certificate for browsers."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Refusal:
    """`code` is the number of a verify error, or OpenSSL's name of the reason why it did not load the chain; `text` is OpenSSL's message."""

    code: str
    text: str
