"""The list of events."""

from audit.models import Event
from qmc.audit_log.filters import AuditFilter
from web.lists.declared import List


class EventList(List):
    model = Event
    noun, caption = "event", "Audit log, newest event first"
    empty = "Nothing has happened yet."
    filters = AuditFilter
    sort = "-sequence"
