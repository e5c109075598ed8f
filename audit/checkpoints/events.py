"""Wording of the events of checkpoints."""

from audit.event_lines import words_register

words_register({"audit.gap_accepted": ("Gap in the audit log accepted", "orange")})
