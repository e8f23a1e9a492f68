"""A team's scans and hosts, as a program sees them through Redis."""
