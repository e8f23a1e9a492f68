"""Rows of `bench.py` that watch a team at work: many runs, lines of logs, stops, a host that dies."""

from __future__ import annotations

import importlib.util
import json
import os
import pty
import re
import select
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import psutil  # type: ignore[import-untyped]  # has no stubs of its own
from benchmarks import measuring
from benchmarks.measuring import (
    ITERATION,
    PROGRAM,
    Bench,
    Line,
    clean_environ,
    cost,
    cpu_of,
    made,
    met,
    resident_mb,
    stub_solver,
    team,
    wait_until,
)
from tests.solvers.models import dense_lp, market_split

from times_doctor_tasks.contract.states import RunState
from times_doctor_tasks.state_store.reader import RunStatus

#: Hosts that are killed.
RECOVERIES = 3
DUAL = ("-p", "dual")


def many_runs(bench: Bench) -> Iterator[Line]:
    """Scans of stub runs of 0 s on two slots, beside a plain Celery chord of as many tasks that start `true`."""
    yield from _runs(bench, (3,) if bench.smoke else (3, 50, 500))


def most_runs(bench: Bench) -> Iterator[Line]:
    """The same, 5,000 of them."""
    if not bench.smoke:
        yield from _runs(bench, (5000,))


def _runs(bench: Bench, amounts: tuple[int, ...]) -> Iterator[Line]:
    for amount in amounts:
        with team() as a_team:
            stub = stub_solver(made(a_team.folder / "stub"))
            a_team.worker(GAMS_PATH=str(stub))
            words = ["scan", str(_stub_model(a_team)), "--queue", "--parallel", "-p", "dual", "--threads", "1", "--yes"]
            argv = [*PROGRAM, *words, "--repeat", str(amount), "--json"]
            cost([*argv[:-2], "1", "--json"], a_team.environ())  # so that scripts and connections are there
            before = _used_bytes(a_team)
            with _Sent(a_team.folder / "s") as sent:
                scan = cost(argv, a_team.environ())
            figures = {"commands": sent.commands, "bytes": _used_bytes(a_team) - before}
            plain_s = _plain_chord(a_team, amount)
            target = 20.0 if amount == 500 else None
            yield Line(
                f"{amount:,} stub runs, submit to report",
                f"{scan.wall_s:.1f} s",
                f"{plain_s:.1f} s plain chord",
                f"<= {target:g} s" if target else "",
                met(scan.wall_s, target, bench),
            )
            share = scan.cpu_s / scan.wall_s
            yield Line(
                f"{amount:,} stub runs, client",
                f"{100 * share:.0f} % of a core",
                "",
                "<= 15 %" if target else "",
                met(share, 0.15 if target else None, bench),
            )
            for name, most in (("commands", 40), ("bytes", 3000)):
                each = figures[name] / amount
                yield Line(
                    f"{amount:,} stub runs, {name} a run",
                    f"{each:,.0f}",
                    "",
                    f"<= {most:,}" if target else "",
                    each <= most if target else None,
                )


class _Sent:
    """Counts the commands that clients send to a server while the block runs: not those of scripts."""

    def __init__(self, path: Path) -> None:
        self.commands = 0
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(str(path))
        self._thread = threading.Thread(target=self._count)

    def __enter__(self) -> _Sent:
        self._socket.sendall(b"MONITOR\r\n")
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._socket.close()

    def _count(self) -> None:
        with self._socket.makefile("rb") as lines:
            self.commands = sum(b" lua]" not in line[:60] for line in lines)


_CHORD = """
import subprocess, sys, time
from celery import Celery, chord
app = Celery("plain", broker=sys.argv[1], backend=sys.argv[1].replace("redis+socket", "socket"))
app.conf.update(broker_url=sys.argv[1], result_backend=sys.argv[1], task_ignore_result=False)
@app.task(name="one")
def one(): subprocess.run(["true"])
@app.task(name="all")
def all_(results): return len(results)
if sys.argv[2] == "worker":
    app.worker_main(["worker", "--concurrency=2", "--pool=threads", "--loglevel=ERROR"])
start = time.perf_counter()
result = chord([one.si() for _ in range(int(sys.argv[2]))])(all_.s())
assert result.get(timeout=600) == int(sys.argv[2])
print(time.perf_counter() - start)
"""


def _used_bytes(a_team: measuring.Team) -> int:
    return int(a_team.server.client.info("memory")["used_memory"])


def _plain_chord(a_team: measuring.Team, amount: int) -> float:
    script = a_team.folder / "chord.py"
    script.write_text(_CHORD)
    environ = clean_environ(HOME=str(a_team.folder))
    worker = subprocess.Popen(
        [sys.executable, script, a_team.server.url, "worker"],
        env=environ,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        done = subprocess.run(
            [sys.executable, script, a_team.server.url, str(amount)],
            env=environ,
            check=True,
            capture_output=True,
            text=True,
        )
    finally:
        worker.send_signal(signal.SIGTERM)
        worker.wait()
    return float(done.stdout)


def recovery(bench: Bench) -> Iterator[Line]:
    """A host is killed in mid-solve; its run starts on another one."""
    found = []
    for _ in range(1 if bench.smoke else RECOVERIES):
        with team() as a_team:
            stub = stub_solver(made(a_team.folder / "stub"), "sleep 60")
            environ = {"GAMS_PATH": str(stub)}
            first = a_team.worker("h1", "--slots", "1", "--threads", "1", "--role", "solve", **environ)
            a_team.worker("c", "--role", "control")
            scan = _submit(a_team, lease_s=5)
            wait_until(lambda scan=scan: _states(a_team, scan) == [RunState.RUNNING])
            a_team.worker("h2", "--slots", "1", "--threads", "1", "--role", "solve", **environ)
            first.kill()
            killed_s = time.perf_counter()
            wait_until(lambda scan=scan: _statuses(a_team, scan)[0].host == "h2")
            found.append(time.perf_counter() - killed_s)
            _cancel(a_team, scan)
    slowest = max(found)
    yield Line(
        f"a killed host's run starts elsewhere (lease 5 s), slowest of {len(found)}",
        f"{slowest:.1f} s",
        "visibility timeout: 1 h",
        "<= 8 s",
        met(slowest, 8.0, bench),
    )


def _submit(
    a_team: measuring.Team,
    model: Path | None = None,
    profile: Sequence[str] = DUAL,
    *,
    lease_s: int = 30,
    repeat: int = 1,
) -> str:
    """A scan of the stub's model, unless another is named; its id."""
    model = model or _stub_model(a_team)
    words = ["scan", str(model), "--queue", "--detach", "--parallel", *profile, "--threads", "1"]
    argv = [*PROGRAM, *words, "--repeat", str(repeat), "--yes", "--json"]
    environ = a_team.environ(TIMES_DOCTOR_LEASE_S=str(lease_s))
    done = subprocess.run(argv, env=environ, check=True, capture_output=True, text=True)
    return str(json.loads(done.stdout)["scan"])


def _stub_model(a_team: measuring.Team) -> Path:
    folder = made(a_team.folder / "model")
    shutil.copy(measuring.HERE.parent / "tests" / "recorded" / "models" / "denselp.gms", folder)
    return folder


def _states(a_team: measuring.Team, scan: str) -> list[RunState]:
    return [status.state for status in _statuses(a_team, scan)]


def _statuses(a_team: measuring.Team, scan: str) -> list[RunStatus]:
    spec = a_team.store.scan(scan)
    assert spec is not None
    return list(a_team.store.statuses(spec).values())


def _cancel(a_team: measuring.Team, scan: str, *words: str, wait: bool = True) -> None:
    argv = [*PROGRAM, "cancel", scan, *(words or ("--now",))]
    subprocess.run(argv, env=a_team.environ(), check=True, stdout=subprocess.DEVNULL)
    if wait:
        wait_until(lambda: a_team.store.is_reported(scan))


def streaming(bench: Bench) -> Iterator[Line]:
    """What client, worker and control cost while runs write 100 lines a second each."""
    for amount in (1,) if bench.smoke else (1, 8, 50):
        measured_s = 1 if bench.smoke else 6
        with team() as a_team:
            ten_lines = f'yes "{ITERATION}" | head -n 10 >> "$log"; sleep 0.1'
            lines = f"i=0; while [ $i -lt 600 ]; do i=$((i+1)); {ten_lines}; done"
            stub = stub_solver(made(a_team.folder / "stub"), lines)
            worker = a_team.worker("h1", "--slots", str(amount), "--threads", str(amount), GAMS_PATH=str(stub))
            control = a_team.control_pid()
            scan = _submit(a_team, repeat=amount)
            watch = _watch(a_team, scan, subprocess.DEVNULL)
            wait_until(lambda scan=scan: all(state is RunState.RUNNING for state in _states(a_team, scan)))
            pids = {"client": watch.pid, "worker": worker.pid, "control": control}
            before = {name: cpu_of([pid]) for name, pid in pids.items()}
            time.sleep(measured_s)
            for name, pid in pids.items():
                share = (cpu_of([pid]) - before[name]) / measured_s
                what = f"{name}, {amount} runs stream 100 lines/s"
                yield Line(what, f"{100 * share:.0f} % of a core, {resident_mb(pid):.0f} MB")
            _cancel(a_team, scan)
            watch.wait()


def _watch(a_team: measuring.Team, scan: str, out: int) -> subprocess.Popen[bytes]:
    environ = a_team.environ(TERM="xterm-256color", COLUMNS="160", LINES="24")
    return subprocess.Popen([*PROGRAM, "watch", scan], env=environ, stdin=out, stdout=out, stderr=out)


def log_line(bench: Bench) -> Iterator[Line]:
    """From the moment at which a solver writes a line until the table on a terminal shows its number."""
    amount = 3 if bench.smoke else 40
    with team() as a_team:
        stamps = a_team.folder / "stamps"
        write = f'echo "$i $(date +%s.%N)" >> {stamps}; echo "{ITERATION}" >> "$log"; sleep 0.7'
        lines = f"i=100000; sleep 3; while [ $i -lt {100000 + amount} ]; do i=$((i+1)); {write}; done"
        a_team.worker(GAMS_PATH=str(stub_solver(made(a_team.folder / "stub"), lines)))
        shown_s = _seen_on_terminal(a_team, _submit(a_team))
        written_s = dict(map(float, line.split()) for line in stamps.read_text().splitlines())
    waits_s = sorted(shown_s[number] - at_s for number, at_s in written_s.items() if number in shown_s)
    late_s = waits_s[int(0.95 * len(waits_s))]
    what = f"a solver's line until the table shows it, 95 % of {len(waits_s)}"
    ours = f"{1000 * late_s:.0f} ms (half: {1000 * statistics.median(waits_s):.0f} ms)"
    yield Line(what, ours, "", "<= 300 ms", met(late_s, 0.3, bench))


def _seen_on_terminal(a_team: measuring.Team, scan: str) -> dict[float, float]:
    """When each iteration number was first drawn, until the scan is over."""
    ours, theirs = pty.openpty()
    watch = _watch(a_team, scan, theirs)
    seen: dict[float, float] = {}
    while watch.poll() is None:
        if select.select([ours], [], [], 0.1)[0]:
            text, now_s = os.read(ours, 1 << 16), time.time()
            for number in re.findall(rb"100,\d{3}", text):
                seen.setdefault(float(number.replace(b",", b"")), now_s)
    os.close(theirs)
    os.close(ours)
    return seen


#: What is stopped, by a solver that has a program of its own: its profile, and who makes a model that it is busy with.
_STOPS: dict[str, tuple[str, Callable[[Path], Path]]] = {
    "a MIP": ("default", market_split),
    "dual simplex": ("dual", dense_lp),
    "barrier": ("bar", dense_lp),
}
_SOLVERS = {"highs": "highspy", "gurobi": "gurobipy", "cplex": "cplex", "xpress": "xpress", "copt": "coptpy"}


def stop_latency(bench: Bench) -> Iterator[Line]:
    """From `cancel` until the solver's process is gone, for each solver that is installed."""
    for solver, module in _SOLVERS.items():
        if importlib.util.find_spec(module) is None:
            continue
        for what, (profile, model) in _STOPS.items():
            with team() as a_team:
                worker = a_team.worker()
                scan = _submit(a_team, model(made(a_team.folder / "m")), ["--solver", solver, "-p", profile])
                wait_until(lambda worker=worker: bool(_solving(worker)), timeout_s=30)
                time.sleep(1.0)  # into the solve
                (solving,) = _solving(worker)
                start_s = time.perf_counter()
                _cancel(a_team, scan, "--profile", profile, wait=False)
                wait_until(lambda solving=solving: not solving.is_running() or solving.status() == "zombie")
                took_s = time.perf_counter() - start_s
                yield Line(f"cancel to the end of the process: {solver}, {what}", f"{took_s:.2f} s")
            if bench.smoke:
                return


def _solving(worker: subprocess.Popen[bytes]) -> list[psutil.Process]:
    """Solve programs below a worker."""
    found = []
    for child in psutil.Process(worker.pid).children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            if any("native.solve" in word for word in child.cmdline()):
                found.append(child)
    return found
