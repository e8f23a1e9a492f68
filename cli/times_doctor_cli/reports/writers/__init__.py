"""One module a report file."""

from __future__ import annotations
