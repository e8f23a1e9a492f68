"""From events to solves: collected, ended, merged from several records."""

from __future__ import annotations
