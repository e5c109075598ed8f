"""Errors of the audit log, as answers of the API."""

from audit.exports.ranges import NotProved
from audit.retention.services import RetentionRefused, StaleSegment
from web.problems import problem_register

problem_register(409, "not-signed", NotProved)
problem_register(409, "not-now", RetentionRefused)
problem_register(409, "changed-meanwhile", StaleSegment)
