"""Running a scan from the request to the report."""

from __future__ import annotations
