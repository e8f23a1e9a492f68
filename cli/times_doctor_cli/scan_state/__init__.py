"""A scan as a screen needs it, folded from its events."""
