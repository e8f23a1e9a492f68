"""Named solver configurations and the option files that they become."""
