"""Calls to Redis that are retried until they succeed, or repeated periodically."""
