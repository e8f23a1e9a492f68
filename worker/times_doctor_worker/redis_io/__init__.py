"""Calls to Redis that are repeated until they succeed, or now and then."""
