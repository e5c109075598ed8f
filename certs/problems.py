"""Answers to errors of the trust zone."""

from certs.errors import IllegalTransition, RotationRefused, StaleCertificate, StaleDatabaseKey, StaleExport
from web.problems import problem_register

problem_register(409, "not-now", IllegalTransition, RotationRefused)
problem_register(409, "changed-meanwhile", StaleCertificate, StaleDatabaseKey, StaleExport)
