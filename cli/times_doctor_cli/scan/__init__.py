"""A scan from the request to the exit code."""

from __future__ import annotations
