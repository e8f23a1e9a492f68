"""Getting GDX files from the hosts that have them."""
