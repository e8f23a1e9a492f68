"""Messages to systemd from a service with `Type=notify` and `WatchdogSec=` (sd_notify(3))."""

from __future__ import annotations

import os
import socket

#: The socket that systemd listens on: a path, or an abstract name with @ as its first byte.
SOCKET_VARIABLE = "NOTIFY_SOCKET"


def tell_systemd(words: str) -> bool:
    """Sends `words`, one assignment per line; returns whether systemd got them. Never raises or waits."""
    place = os.environ.get(SOCKET_VARIABLE, "")
    if not place.startswith(("/", "@")):
        return False
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as line:
            line.sendto(words.encode(), f"\0{place[1:]}" if place.startswith("@") else place)
    except OSError:
        return False
    return True
