"""Commands for the operators of a team."""

from __future__ import annotations
