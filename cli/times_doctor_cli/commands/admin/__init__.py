"""Commands for whoever keeps a team running."""

from __future__ import annotations
