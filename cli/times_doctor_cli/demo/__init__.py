"""The sample model that `times-doctor demo` writes."""

from __future__ import annotations
