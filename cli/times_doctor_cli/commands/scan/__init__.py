"""Commands about one model: scan, report, profiles, demo."""

from __future__ import annotations
