"""Wording of the events of the database."""

from audit.event_lines import words_register

words_register({"upgrade.copies_removed": ("Copies of the database from before an upgrade removed", "grey")})
