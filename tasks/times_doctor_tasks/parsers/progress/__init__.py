"""How far a running solve is."""

from __future__ import annotations
