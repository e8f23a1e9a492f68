"""Comparing the runs of a scan, and the recommendation."""

from __future__ import annotations
