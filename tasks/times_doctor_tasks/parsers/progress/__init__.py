"""The progress of a running solve."""
