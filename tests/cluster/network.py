"""A switch and machines around it, each in a network namespace of its own with its own address.

Nothing is added to the machine's own namespace but the handles in /run/netns: no address, route or rule of it changes,
and nothing leaves the namespaces.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

#: First three numbers of all addresses; they exist inside the namespaces only.
NET = "10.87.0"
TOOLS = ("ip", "nsenter", "unshare", "setpriv")
_WIRE = Path(__file__).with_name("wire.py")


def why_no_network() -> str:
    """Why namespaces cannot be had here; empty where they can."""
    if sys.platform != "linux":
        return "network namespaces are a thing of Linux"
    if os.geteuid() != 0:
        return "network namespaces need root"
    if missing := [tool for tool in TOOLS if not shutil.which(tool)]:
        return f"needs the programs {', '.join(missing)} (iproute2, util-linux)"
    try:
        name = f"tdc{os.getpid()}-try"
        run("ip", "netns", "add", name)
        run("ip", "netns", "del", name)
    except subprocess.CalledProcessError as error:
        return f"this kernel or container allows no network namespace: {error.stderr.strip()}"
    return ""


def run(*words: str) -> str:
    return subprocess.run(words, check=True, capture_output=True, text=True, timeout=30).stdout


class Network:
    """Namespaces `tdc<pid>-<name>` around a bridge in `tdc<pid>-switch`."""

    def __init__(self) -> None:
        self._prefix = f"tdc{os.getpid()}"
        self.addresses: dict[str, str] = {}
        self._wires: dict[str, subprocess.Popen[bytes]] = {}
        run("ip", "netns", "add", self._space("switch"))
        self._at_switch("link", "set", "lo", "up")
        self._at_switch("link", "add", "br0", "type", "bridge")
        self._at_switch("link", "set", "br0", "up")

    def add(self, name: str) -> str:
        """A machine with a cable to the switch; its address."""
        space, port = self._space(name), f"p-{name}"
        self.addresses[name] = address = f"{NET}.{10 + len(self.addresses)}"
        run("ip", "netns", "add", space)
        self._at_switch("link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", space)
        self._at_switch("link", "set", port, "master", "br0", "up")
        run("ip", "-n", space, "link", "set", "lo", "up")
        run("ip", "-n", space, "addr", "add", f"{address}/24", "dev", "eth0")
        run("ip", "-n", space, "link", "set", "eth0", "up")
        return address

    def lengthen(self, name: str, delay_ms: float) -> None:
        """Leads a machine's cable through `wire.py`."""
        port, near, far = f"p-{name}", f"q-{name}", f"r-{name}"
        self._at_switch("link", "add", near, "type", "veth", "peer", "name", far)
        self._at_switch("link", "set", port, "nomaster")
        self._at_switch("link", "set", far, "master", "br0", "up")
        self._at_switch("link", "set", near, "up")
        words = [*self.into("switch"), sys.executable, str(_WIRE), port, near, str(delay_ms)]
        self._wires[name] = subprocess.Popen(words)

    def unplug(self, name: str) -> None:
        """Pulls a machine's cable: it has no carrier."""
        self._at_switch("link", "set", f"p-{name}", "down")

    def plug(self, name: str) -> None:
        """Puts it back."""
        self._at_switch("link", "set", f"p-{name}", "up")

    def into(self, name: str) -> list[str]:
        """The words before a command that is to run there. Not `ip netns exec`: that hides the control groups."""
        return ["nsenter", f"--net=/run/netns/{self._space(name)}", "--"]

    def close(self) -> None:
        """Ends the wires and removes every namespace; with its last process each takes its interfaces along."""
        for wire in self._wires.values():
            wire.terminate()
            wire.wait(10)
        for name in ("switch", *self.addresses):
            subprocess.run(["ip", "netns", "del", self._space(name)], check=False, capture_output=True)

    def _space(self, name: str) -> str:
        return f"{self._prefix}-{name}"

    def _at_switch(self, *words: str) -> None:
        run("ip", "-n", self._space("switch"), *words)
