"""Report files: CSV, JSON, manifest, HTML."""

from __future__ import annotations
