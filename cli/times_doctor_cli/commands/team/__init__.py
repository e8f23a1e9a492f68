"""Commands about a team's scans and hosts."""
