"""From a request to a scan: profiles, hosts, runs, estimates."""

from __future__ import annotations
