"""What stands on the screen while a scan runs: the live table, the menu, the terminal's title."""
