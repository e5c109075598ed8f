"""Fill a founded site with believable rows: nodes, certificates, exports, audit events and finished jobs."""
