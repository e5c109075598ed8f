"""The HTTP status and type of each error of nodes."""

from nodes.errors import ChoiceBlocked, IllegalNodeTransition, RegistrationBlocked, StaleNode
from web.problems import problem_register

problem_register(409, "registration-blocked", RegistrationBlocked)
problem_register(409, "choice-blocked", ChoiceBlocked)
problem_register(409, "not-now", IllegalNodeTransition)
problem_register(409, "changed-meanwhile", StaleNode)
