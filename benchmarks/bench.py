"""Every benchmark of a target, each beside what a user would do otherwise; writes docs/benchmarks.md.

Usage: python -m benchmarks.bench [ROW ...] [--rounds N] [--smoke] [--write] [--models DIR]

--smoke: each row once and as small as it can be, to see that it still runs. --models: a folder of LP files (`.mps`,
`.mps.gz`), each solved bare and by a local scan.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from benchmarks import measuring
from benchmarks.measuring import (
    BARE,
    PROGRAM,
    TINY,
    clean_environ,
    cost,
    cpu_of,
    medians,
    resident_mb,
    stub_solver,
    team,
    wait_until,
)

from times_doctor_tasks.blob_store.factory import open_store
from times_doctor_tasks.contract.states import RunState

PAGE = Path(__file__).resolve().parent.parent / "docs" / "benchmarks.md"
#: The same solve without us.
BARE_SOLVE = (
    "import highspy, sys; h = highspy.Highs(); h.setOptionValue('threads', 1); h.readModel(sys.argv[1]); h.run()"
)
PROFILES = ("-p", "dual", "-p", "bar", "-p", "bar_nox")


@dataclass(frozen=True)
class Line:
    """One line of the page."""

    what: str
    ours: str
    beside: str = ""
    target: str = ""
    met: bool | None = None
    """None where there is no target, or the machine is too busy to tell."""


@dataclass
class Bench:
    """How the rows are to run."""

    rounds: int
    smoke: bool
    models: Path | None
    lines: list[Line] = field(default_factory=list)

    @property
    def quiet(self) -> bool:
        """Whether seconds say something about us."""
        return measuring.load() < measuring.QUIET_LOAD


def start_up(bench: Bench) -> Iterator[Line]:
    """Commands, in multiples of a bare python."""
    with team() as a_team:
        a_team.worker()
        environ = a_team.environ()
        commands = {"--help": 2.5, "--version": 2.5, "list": 14.0, "status": 14.0, "hosts": 14.0}
        measures = {name: (lambda name=name: cost([*PROGRAM, name], environ)) for name in commands}
        found = medians(bench.rounds, bare=lambda: cost(BARE, environ), **measures)
        for name, target in commands.items():
            times = found[name].cpu_s / found["bare"].cpu_s
            beside = f"python -c pass {1000 * found['bare'].cpu_s:.0f} ms"
            yield Line(f"`{name}`, CPU", f"{times:.1f} x", beside, f"<= {target:g} x", times <= target)


def tiny_models(folder: Path, amount: int) -> list[Path]:
    """Models that are solved at once."""
    paths = [folder / f"m{number}.mps" for number in range(amount)]
    for path in paths:
        path.write_text(TINY)
    return paths


def bare_solves(models: list[Path], environ: dict[str, str]) -> measuring.Cost:
    """The same solves, two at a time, by xargs."""
    words = " ".join(f"'{model}'" for model in models)
    one = f'{sys.executable} -c "{BARE_SOLVE}"'
    return cost(["sh", "-c", f"printf '%s\\n' {words} | xargs -P 2 -n 1 {one}"], environ)


def local_scan(bench: Bench) -> Iterator[Line]:
    """A scan of a tiny LP by three profiles on this machine, beside the three solves bare, two at a time."""
    with tempfile.TemporaryDirectory(prefix="tdb-", dir="/tmp") as name:
        folder = Path(name)
        (model,) = tiny_models(folder, 1)
        environ = clean_environ(HOME=name, GAMS_PATH="/nonexistent")
        scan = [*PROGRAM, "scan", str(model), "--parallel", "--threads", "1", *PROFILES, "--out", str(folder / "out")]
        found = medians(
            bench.rounds,
            python=lambda: cost(BARE, environ),
            bare=lambda: bare_solves([model] * 3, environ),
            scan=lambda: cost(scan, environ),
        )
        yield from _over_bare("local scan of 3 tiny LPs", found, bench, cpu_target=55, wall_target=30)


def many_tiny(bench: Bench) -> Iterator[Line]:
    """A local scan of 60 runs of a tiny LP on two slots, beside the 60 solves bare, two at a time."""
    repeats = 1 if bench.smoke else 20
    with tempfile.TemporaryDirectory(prefix="tdb-", dir="/tmp") as name:
        folder = Path(name)
        (model,) = tiny_models(folder, 1)
        environ = clean_environ(HOME=name, GAMS_PATH="/nonexistent")
        words = ["--parallel", "--threads", "1", "--max-workers", "2", "--repeat", str(repeats), "--yes", *PROFILES]
        scan = [*PROGRAM, "scan", str(model), *words, "--out", str(folder / "out")]
        found = medians(
            max(1, bench.rounds // 3),
            bare=lambda: bare_solves([model] * 3 * repeats, environ),
            scan=lambda: cost(scan, environ),
        )
        times = found["scan"].cpu_s / found["bare"].cpu_s
        ours, beside = f"{times:.2f} x ({found['scan'].cpu_s:.1f} s)", f"{found['bare'].cpu_s:.1f} s bare"
        yield Line(f"local scan of {3 * repeats} tiny LPs, CPU", ours, beside, "<= 1.0 x", times <= 1.0)


def _over_bare(
    what: str, found: dict[str, measuring.Cost], bench: Bench, *, cpu_target: float | None, wall_target: float
) -> Iterator[Line]:
    unit, bare, scan = found["python"], found["bare"], found["scan"]
    if cpu_target is not None:
        times = (scan.cpu_s - bare.cpu_s) / unit.cpu_s
        beside = f"{bare.cpu_s:.2f} s bare"
        yield Line(
            f"{what}, CPU",
            f"bare + {times:.0f} x python ({scan.cpu_s:.2f} s)",
            beside,
            f"<= bare + {cpu_target:g} x",
            times <= cpu_target,
        )
    times = (scan.wall_s - bare.wall_s) / unit.wall_s
    met = times <= wall_target if bench.quiet else None
    yield Line(
        f"{what}, wall",
        f"bare + {times:.0f} x python ({scan.wall_s:.2f} s)",
        f"{bare.wall_s:.2f} s bare",
        f"<= bare + {wall_target:g} x",
        met,
    )


def warm_queue(bench: Bench) -> Iterator[Line]:
    """The same on a host that waits for work."""
    with team() as a_team:
        worker = a_team.worker()
        (model,) = tiny_models(a_team.folder, 1)
        environ = a_team.environ()
        scan = [*PROGRAM, "scan", str(model), "--queue", "--parallel", "--threads", "1", *PROFILES]
        found = medians(
            bench.rounds,
            python=lambda: cost(BARE, environ),
            bare=lambda: bare_solves([model] * 3, environ),
            scan=lambda: cost(scan, environ),
        )
        yield from _over_bare("the same on a warm queue", found, bench, cpu_target=None, wall_target=22)
        control = a_team.control_pid()
        for name, pid, target in (("worker", worker.pid, 50), ("control", control, 45)):
            mb = resident_mb(pid)
            yield Line(f"memory of the {name} then", f"{mb:.0f} MB", "", f"<= {target} MB", mb <= target)


def many_runs(bench: Bench) -> Iterator[Line]:
    """Scans of stub runs of 0 s on two slots, beside a plain Celery chord of as many tasks that start `true`."""
    for amount in (3,) if bench.smoke else (3, 50, 500, 5000):
        with team() as a_team:
            stub = stub_solver(_made(a_team.folder / "stub"))
            a_team.worker(GAMS_PATH=str(stub))
            model = _made(a_team.folder / "model")
            shutil.copy(measuring.HERE.parent / "tests" / "recorded" / "models" / "denselp.gms", model)
            words = ["scan", str(model), "--queue", "--parallel", "-p", "dual", "--threads", "1", "--yes"]
            before = _server_figures(a_team)
            argv = [*PROGRAM, *words, "--repeat", str(amount), "--json"]
            scan = cost(argv, a_team.environ())
            after = _server_figures(a_team)
            plain_s = _plain_chord(a_team, amount)
            target = 20.0 if amount == 500 else None
            yield Line(
                f"{amount:,} stub runs, submit to report",
                f"{scan.wall_s:.1f} s",
                f"{plain_s:.1f} s plain chord",
                f"<= {target:g} s" if target else "",
                _met(scan.wall_s, target, bench),
            )
            share = scan.cpu_s / scan.wall_s
            yield Line(
                f"{amount:,} stub runs, client",
                f"{100 * share:.0f} % of a core",
                "",
                "<= 15 %" if target else "",
                _met(share, 0.15 if target else None, bench),
            )
            for name, most in (("commands", 40), ("bytes", 3000)):
                each = (after[name] - before[name]) / amount
                yield Line(
                    f"{amount:,} stub runs, {name} a run",
                    f"{each:,.0f}",
                    "",
                    f"<= {most:,}" if target else "",
                    each <= most if target else None,
                )


def _met(value: float, target: float | None, bench: Bench) -> bool | None:
    return None if target is None or not (bench.quiet or value <= target) else value <= target


def _made(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    return folder


def _server_figures(a_team: measuring.Team) -> dict[str, int]:
    stats, memory = a_team.server.client.info("commandstats"), a_team.server.client.info("memory")
    # Commands that a script calls are counted, too: those that clients send are all but what only scripts do.
    scripts = stats.get("cmdstat_evalsha", {"calls": 0})["calls"]
    sent = sum(value["calls"] for name, value in stats.items() if name not in _BY_SCRIPTS) + scripts
    return {"commands": int(sent), "bytes": int(memory["used_memory"])}


#: Left out of the count: what scripts do, and what nobody asked for.
_BY_SCRIPTS = frozenset({"cmdstat_evalsha", "cmdstat_info", "cmdstat_time", "cmdstat_ping"})
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


def _plain_chord(a_team: measuring.Team, amount: int) -> float:
    script = a_team.folder / "chord.py"
    script.write_text(_CHORD)
    environ = clean_environ(HOME=str(a_team.folder))
    worker = subprocess.Popen(
        [sys.executable, script, a_team.server.url, "worker"], env=environ, stderr=subprocess.DEVNULL
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
    for _ in range(1 if bench.smoke else 5):
        with team() as a_team:
            stub = stub_solver(_made(a_team.folder / "stub"), seconds=60)
            environ = {"GAMS_PATH": str(stub)}
            first = a_team.worker("h1", "--slots", "1", "--threads", "1", "--role", "solve", **environ)
            a_team.worker("c", "--role", "control")
            scan = _submit(a_team, lease_s=5)
            wait_until(lambda scan=scan: _state(a_team, scan) is RunState.RUNNING)
            a_team.worker("h2", "--slots", "1", "--threads", "1", "--role", "solve", **environ)
            first.kill()
            killed_s = time.perf_counter()
            wait_until(lambda scan=scan: _host(a_team, scan) == "h2")
            found.append(time.perf_counter() - killed_s)
            _cancel(a_team, scan)
    slowest = max(found)
    yield Line(
        "a killed host's run starts elsewhere (lease 5 s), slowest",
        f"{slowest:.1f} s",
        "visibility timeout: 1 h",
        "<= 8 s",
        _met(slowest, 8.0, bench),
    )


def _submit(a_team: measuring.Team, *, lease_s: int = 30, repeat: int = 1) -> str:
    model = _made(a_team.folder / "model")
    shutil.copy(measuring.HERE.parent / "tests" / "recorded" / "models" / "denselp.gms", model)
    words = ["scan", str(model), "--queue", "--detach", "--parallel", "-p", "dual", "--threads", "1", "--yes", "--json"]
    argv = [*PROGRAM, *words, "--repeat", str(repeat)]
    environ = a_team.environ(TIMES_DOCTOR_LEASE_S=str(lease_s))
    done = subprocess.run(argv, env=environ, check=True, capture_output=True, text=True)
    return str(json.loads(done.stdout)["scan"])


def _state(a_team: measuring.Team, scan: str) -> RunState:
    spec = a_team.store.scan(scan)
    assert spec is not None
    return next(iter(a_team.store.statuses(spec).values())).state


def _host(a_team: measuring.Team, scan: str) -> str:
    spec = a_team.store.scan(scan)
    assert spec is not None
    return next(iter(a_team.store.statuses(spec).values())).host


def _cancel(a_team: measuring.Team, scan: str) -> float:
    start_s = time.perf_counter()
    subprocess.run([*PROGRAM, "cancel", scan, "--now"], env=a_team.environ(), check=True, stdout=subprocess.DEVNULL)
    wait_until(lambda: a_team.store.is_reported(scan))
    return time.perf_counter() - start_s


def streaming(bench: Bench) -> Iterator[Line]:
    """What client, worker and control cost while runs write 100 lines a second each, and how old a line is in Redis."""
    for amount in (1,) if bench.smoke else (1, 8, 50):
        seconds = 4 if bench.smoke else 12
        with team() as a_team:
            stub = stub_solver(_made(a_team.folder / "stub"), seconds=seconds, lines_per_s=100)
            worker = a_team.worker("h1", "--slots", str(amount), "--threads", str(amount), GAMS_PATH=str(stub))
            control = a_team.control_pid()
            scan = _submit(a_team, repeat=amount)
            watch = subprocess.Popen(
                [*PROGRAM, "watch", scan, "--json"],
                env=a_team.environ(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            wait_until(lambda scan=scan: _state(a_team, scan) is RunState.RUNNING)
            pids = {"client": watch.pid, "worker": worker.pid, "control": control}
            before = {name: _own_cpu_s(pid) for name, pid in pids.items()}
            time.sleep(seconds / 2)
            for name, pid in pids.items():
                share = (_own_cpu_s(pid) - before[name]) / (seconds / 2)
                yield Line(
                    f"{name}, {amount} runs stream 100 lines/s",
                    f"{100 * share:.0f} % of a core, {resident_mb(pid):.0f} MB",
                )
            _cancel(a_team, scan)
            watch.wait()


def _own_cpu_s(pid: int) -> float:
    return cpu_of([pid])


def staging(bench: Bench) -> Iterator[Line]:
    """A model of 2 GB in 2,000 files into a store, and again unchanged."""
    files, size = (20, 1 << 16) if bench.smoke else (2000, 1 << 20)
    with team() as a_team:
        sources = _made(a_team.folder / "model")
        for number in range(files):
            (sources / f"{number}.dd").write_bytes(os.urandom(size))
        for name, url in (("file://", a_team.environ()["TIMES_DOCTOR_STORE_URL"]), ("redis", a_team.server.url)):
            store = open_store(url, prefix=a_team.prefix, quota_bytes=4 << 30)
            names = _hashes(sources)
            start_s = time.perf_counter()
            store.put(names)
            first_s = time.perf_counter() - start_s
            start_s = time.perf_counter()
            store.put(names)
            again_s = time.perf_counter() - start_s
            rate = files * size / 1e6 / first_s
            yield Line(
                f"{files * size / 1e9:.1f} GB in {files:,} files to {name}, first",
                f"{rate:.0f} MB/s",
                "",
                ">= 250 MB/s",
                None if bench.smoke or (not bench.quiet and rate < 250) else rate >= 250,
            )
            yield Line(f"the same again to {name}", f"{again_s:.2f} s", "", "<= 0.5 s", _met(again_s, 0.5, bench))
            store.close()


def _hashes(sources: Path) -> dict[str, Path]:
    import hashlib

    return {hashlib.sha256(path.read_bytes()).hexdigest(): path for path in sources.iterdir()}


def real_models(bench: Bench) -> Iterator[Line]:
    """Each model of a folder, solved by bare HiGHS and by a local scan of its first profile."""
    if bench.models is None or bench.smoke:
        return
    for model in sorted([*bench.models.glob("*.mps"), *bench.models.glob("*.mps.gz")]):
        with tempfile.TemporaryDirectory(prefix="tdb-", dir="/tmp") as folder:
            environ = clean_environ(HOME=folder, GAMS_PATH="/nonexistent")
            scan = [*PROGRAM, "scan", str(model), "--threads", "1", "-p", "current", "--out", f"{folder}/out"]
            bare = cost([sys.executable, "-c", BARE_SOLVE, str(model)], environ)
            ours = cost(scan, environ, ok=(0, 2, 3, 4))
            yield Line(f"{model.name}, CPU", f"{ours.cpu_s:.1f} s", f"{bare.cpu_s:.1f} s bare HiGHS")


def parsing(_: Bench) -> Iterator[Line]:
    """The logs of the recordings, as often as takes a second or so."""
    script = measuring.HERE / "parsing.py"
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=False)
    for text in done.stdout.splitlines():
        what, _, figure = text.partition(":")
        if figure:
            yield Line(f"parsing, {what.strip()}", figure.strip())


ROWS: dict[str, Callable[[Bench], Iterator[Line]]] = {
    row.__name__: row
    for row in (
        start_up,
        local_scan,
        many_tiny,
        warm_queue,
        many_runs,
        streaming,
        recovery,
        staging,
        real_models,
        parsing,
    )
}


def page(bench: Bench, took: str) -> str:
    """docs/benchmarks.md."""
    signs = {True: "yes", False: "**no**", None: ""}
    table = [
        f"| {line.what} | {line.ours} | {line.beside} | {line.target} | {signs[line.met]} |" for line in bench.lines
    ]
    return "\n".join(
        [
            "# Benchmarks",
            "",
            "Written by `make bench`. Each figure is the median of interleaved measurements; beside it stands what you",
            "would do without times-doctor, measured in the same run. CPU is of the whole process tree. Where the",
            "machine was busy, a target in seconds that was missed is not judged.",
            "",
            took,
            "",
            "| what | times-doctor | beside it | target | met |",
            "|---|---|---|---|---|",
            *table,
            "",
        ]
    )


def main() -> None:
    """Runs rows and prints their lines as they come."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", nargs="*", metavar="ROW", help=f"one of {', '.join(ROWS)}; all by default")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--smoke", action="store_true")
    parser.add_argument("--write", action="store_true", help=f"write {PAGE.name}")
    parser.add_argument("--models", type=Path)
    asked = parser.parse_args()
    bench = Bench(1 if asked.smoke else asked.rounds, asked.smoke, asked.models)
    subprocess.run(
        [sys.executable, "-m", "compileall", "-q", "cli", "tasks", "worker"], cwd=PAGE.parents[1], check=True
    )
    before = measuring.load()
    for name in asked.rows or ROWS:
        for line in ROWS[name](bench):
            bench.lines.append(line)
            judged = "" if line.met is None else " (met)" if line.met else " (MISSED)"
            print(f"{line.what}: {line.ours}; {line.beside or '-'}; {line.target or '-'}{judged}", flush=True)
    versions = f"Python {platform.python_version()}, {os.cpu_count()} cores, {date.today().isoformat()}"
    took = f"{versions}, load {before:.1f} before and {measuring.load():.1f} after, {bench.rounds} rounds."
    if asked.write:
        PAGE.write_text(page(bench, took), encoding="utf-8")


if __name__ == "__main__":
    main()
