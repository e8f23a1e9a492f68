"""Pure functions from a model to something Rich can draw."""
