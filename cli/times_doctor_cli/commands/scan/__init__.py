"""Commands about one model: scan, report, profiles, demo."""
