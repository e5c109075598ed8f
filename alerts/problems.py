"""How errors of alerts are answered."""

from alerts.errors import IllegalAlertTransition, StaleAlert
from web.problems import problem_register

problem_register(409, "alert-not-now", IllegalAlertTransition)
problem_register(409, "changed-meanwhile", StaleAlert)
