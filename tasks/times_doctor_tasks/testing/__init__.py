"""Fakes for tests of programs that use times-doctor: documents of a real scan, and a host that solves nothing."""
