"""Logs of the solvers without a room of their own."""

from __future__ import annotations
