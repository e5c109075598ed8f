"""The status of errors of jobs."""

from jobs.registry import JobRefused
from web.problems import problem_register

problem_register(409, "not-now", JobRefused)
