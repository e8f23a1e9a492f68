"""A machine for the commands of a page: its folders are below a temporary one, its service manager is a script."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from tests.integration.guarded import words_of

ROOT = Path(__file__).parents[2]


def block(page: str, words: str) -> str:
    """The fenced block that has these words."""
    (found,) = (text for text in re.findall(r"^```\w*\n(.*?)^```", page, re.MULTILINE | re.DOTALL) if words in text)
    return str(found)


class Machine:
    """
    Args:
        port: Where `redis-cli` finds the server.
        environment: The folder that the pages call /opt/times-doctor; this environment if None.
    """

    def __init__(self, folder: Path, port: int, environment: Path | None = None) -> None:
        self.folder = folder
        self.programs, self.etc, self.var, self.backups = (folder / name for name in ("bin", "etc", "var", "backups"))
        for made in (self.programs, self.etc, self.var, self.backups):
            made.mkdir()
        self.places = {
            "/etc/redis": self.etc, "/var/lib/redis": self.var, "/var/backups": self.backups, "/data": self.var,
            "/opt/times-doctor": environment or Path(sys.executable).parents[1],
        }  # fmt: skip
        self.program("install", f'exec {shutil.which("install")} $(echo "$@" | sed "s/-[og] [a-z]* //g")')
        self.program("redis-cli", f'exec {shutil.which("redis-cli")} -p {port} "$@"')
        for name in ("systemctl", "sysctl", "apt", "useradd", "ssh"):
            self.program(name, f'echo {"" if name == "systemctl" else name + " "}"$@" >> {folder}/asked')

    def program(self, name: str, line: str) -> None:
        (self.programs / name).write_text(f"#!/bin/bash\n{line}\n")
        (self.programs / name).chmod(0o755)

    def here(self, text: str) -> str:
        """A text of the page with this machine's places."""
        for place, here in self.places.items():
            text = text.replace(place, str(here))
        return text

    def run(self, script: str, *, user: str = "ops", cwd: Path | None = None) -> str:
        environ = {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
        environ |= {"PATH": f"{self.programs}:{os.environ['PATH']}", "HOME": str(self.folder)}
        done = subprocess.run(
            ["bash", "-ec", self.here(script)], input=f"{words_of(user)}\n", env=environ, cwd=cwd or self.folder,
            capture_output=True, text=True, timeout=300,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def asked(self) -> list[str]:
        """What was asked of the service manager and of programs that change the machine."""
        return (self.folder / "asked").read_text("utf-8").splitlines()
