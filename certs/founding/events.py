"""Wording of the events of a new trust zone."""

from audit.event_lines import words_register

words_register({"zone.founded": ("Trust zone created", "green")})
