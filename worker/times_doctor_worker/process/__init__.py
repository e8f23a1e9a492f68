"""One engine's process tree: how it is started, watched and ended. POSIX-only code lives here."""
