"""Names of jobs on nodes. They are here so that lower rooms can wake these jobs."""

REGISTRATION, RENEWAL = "registration", "renewal"
