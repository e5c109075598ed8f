"""Lines of the log as JSON (`QMC_LOG_FORMAT=json`), with the ids of the request, of the calling node and of the job."""

import logging
from collections.abc import Mapping

from audit.request import node_id, request_id
from jobs.current import job_id, task
from pki.core.log_lines import JsonLines


class ConsoleJsonLines(JsonLines):
    """With the ids of the console's work."""

    def ids(self, record: logging.LogRecord) -> Mapping[str, str]:
        # Django reports an answer when the request is over.
        of_answer = getattr(getattr(record, "request", None), "request_id", "")
        return {"request": request_id.get() or of_answer, "node": node_id.get(), "job": job_id.get(), "task": task.get()}
