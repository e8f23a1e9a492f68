"""GAMS's own log, listing and trace file."""
