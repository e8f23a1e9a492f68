"""What a person sees: commands, live table, reports, the local stack."""

from __future__ import annotations
