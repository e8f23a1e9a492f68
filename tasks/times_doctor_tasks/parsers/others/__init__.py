"""Logs of the solvers without a room of their own."""
