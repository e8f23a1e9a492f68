"""Flower, and what it asks of hosts."""
