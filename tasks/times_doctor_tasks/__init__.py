"""The contract both sides share: states, messages, keys, scripts, store, tasks, parsers."""

from __future__ import annotations
