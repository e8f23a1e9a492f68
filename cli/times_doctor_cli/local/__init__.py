"""The private broker and worker of a scan on this machine."""

from __future__ import annotations
