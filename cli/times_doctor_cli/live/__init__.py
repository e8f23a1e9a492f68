"""The live view of a scan: its loop, the two kinds of screen, Ctrl-C."""
