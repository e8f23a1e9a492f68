"""Reading a run directory: driver, include chain, VTRUN.CMD, GDX inputs."""

from __future__ import annotations
