"""The state of a scan for screens, computed from its events."""
