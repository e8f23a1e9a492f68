"""Flower, and what it asks of hosts."""

from __future__ import annotations
