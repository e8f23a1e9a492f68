"""Named solver configurations and the option files that they become."""

from __future__ import annotations
