"""Runs the solver on a host: process lifecycle, command line, workspace, admission, boot."""
