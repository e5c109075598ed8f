"""How errors of bulk work are answered."""

from bulk.errors import ActionUnknown, IllegalBulkTransition, ItemRefused, RequestReused, SecretsGone, StaleBulk
from web.problems import problem_register

problem_register(404, "not-found", ActionUnknown)
problem_register(409, "not-now", IllegalBulkTransition, ItemRefused, RequestReused, SecretsGone)
problem_register(409, "changed-meanwhile", StaleBulk)
