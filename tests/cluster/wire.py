"""A long cable between two interfaces of this network namespace, for kernels without sch_netem.

    python wire.py IF_A IF_B DELAY_MS        until SIGTERM; needs CAP_NET_RAW

Every Ethernet frame is held back by DELAY_MS on its way, in both directions, in order. PACKET_VNET_HDR (packet(7))
hands over, before each frame, what the kernel still has to do for it (checksum, segments): without it frames that come
from a veth would be dropped as broken.
"""

from __future__ import annotations

import collections
import selectors
import signal
import socket
import sys
import time

SOL_PACKET, PACKET_VNET_HDR, ETH_P_ALL, PACKET_OUTGOING = 263, 15, 0x0003, 4
#: Largest frame with its header: a veth hands over segments of 64 KiB before they are cut.
LARGEST_BYTES = 1 << 17


class End:
    """One interface, and the frames that wait to leave through it."""

    def __init__(self, interface: str) -> None:
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        self.socket.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        self.socket.bind((interface, ETH_P_ALL))
        self.socket.setblocking(False)
        self.leaving: collections.deque[tuple[float, bytes]] = collections.deque()

    def take(self, other: End, delay_s: float) -> None:
        """Moves what came in here to the queue of the other end."""
        while True:
            try:
                frame, address = self.socket.recvfrom(LARGEST_BYTES)
            except OSError:  # nothing more, or the cable is pulled for now
                return
            if address[2] != PACKET_OUTGOING:  # what we send comes back here
                other.leaving.append((time.monotonic() + delay_s, frame))

    def send_due(self) -> None:
        """Sends what has waited long enough."""
        while self.leaving and self.leaving[0][0] <= time.monotonic():
            try:
                self.socket.send(self.leaving.popleft()[1])
            except OSError:  # a pulled cable loses frames
                continue


def carry(first: End, second: End, delay_s: float) -> None:
    """Carries frames both ways until SIGTERM."""
    ended: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: ended.append(number))
    with selectors.DefaultSelector() as selector:
        for end in (first, second):
            selector.register(end.socket, selectors.EVENT_READ)
        while not ended:
            due = min((end.leaving[0][0] for end in (first, second) if end.leaving), default=time.monotonic() + 0.5)
            selector.select(max(0.0, due - time.monotonic()))
            first.take(second, delay_s)
            second.take(first, delay_s)
            first.send_due()
            second.send_due()


if __name__ == "__main__":
    carry(End(sys.argv[1]), End(sys.argv[2]), float(sys.argv[3]) / 1000)
