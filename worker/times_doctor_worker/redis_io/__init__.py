"""Calls to Redis that are repeated until they succeed, or now and then."""

from __future__ import annotations
