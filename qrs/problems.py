"""The HTTP status and type of each error of this app."""

from certs.errors import ExportRefused
from qrs.errors import CallerRefused, Changed, ExportFailed, FilterInvalid, KeyRefused, NotHere, StillRunning, TooLarge, WrongMethod
from web.problems import problem_register

problem_register(400, "xrfkey-refused", KeyRefused)
problem_register(400, "filter-invalid", FilterInvalid)
problem_register(403, "caller-refused", CallerRefused, ExportRefused)
problem_register(404, "not-here", NotHere)
problem_register(405, "wrong-method", WrongMethod)
problem_register(409, "changed", Changed)
problem_register(409, "export-failed", ExportFailed)
problem_register(413, "body-too-large", TooLarge)
problem_register(504, "still-running", StillRunning)
