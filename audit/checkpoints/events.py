"""Wording of the events of checkpoints."""

from audit.checkpoints.models import GAP_ACCEPTED
from audit.event_lines import words_register

words_register({GAP_ACCEPTED: ("Gap in the audit log accepted", "orange")})
