"""A finished scan on disk: collecting, reading and writing its files."""

from __future__ import annotations
