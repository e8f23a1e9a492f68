"""The contract both sides share: states, messages, keys, scripts, store, tasks, parsers."""

from __future__ import annotations

#: Of the whole distribution: pyproject.toml takes it from here, and a start need not search for metadata.
__version__ = "0.2.0.dev0"
