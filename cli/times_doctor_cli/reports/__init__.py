"""A finished scan on disk: collecting, reading and writing its files."""
