"""The screen of a running scan: the live table, the menu, the terminal's title."""
