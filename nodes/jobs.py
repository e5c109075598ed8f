"""Names of the long work on nodes. They are here so that the rooms below can nudge that work."""

REGISTRATION, RENEWAL = "registration", "renewal"
