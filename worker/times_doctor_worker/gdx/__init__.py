"""GDX files that somebody asks for after a run."""

from __future__ import annotations
