"""Getting GDX files from the hosts that have them."""

from __future__ import annotations
