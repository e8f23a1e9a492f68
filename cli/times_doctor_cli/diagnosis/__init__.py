"""Diagnosis of a model, a log or a scan without running profiles."""
