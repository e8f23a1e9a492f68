"""Commands about a team's scans and hosts."""

from __future__ import annotations
