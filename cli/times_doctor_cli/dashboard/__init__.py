"""Flower, and the answers to its questions about hosts."""
