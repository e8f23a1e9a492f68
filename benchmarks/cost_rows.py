"""Rows of `bench.py` that compare a command with the same work done without us."""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from benchmarks import measuring
from benchmarks import parsing as logs
from benchmarks.measuring import (
    BARE,
    PROGRAM,
    TINY,
    Bench,
    Line,
    clean_environ,
    cost,
    made,
    medians,
    met,
    resident_mb,
    team,
)

from times_doctor_tasks.blob_store.factory import open_store

#: The same solve without us.
BARE_SOLVE = (
    "import highspy, sys; h = highspy.Highs(); h.setOptionValue('threads', 1); h.setOptionValue('time_limit', 20.0);"
    " h.readModel(sys.argv[1]); h.run()"
)
PROFILES = ("-p", "dual", "-p", "bar", "-p", "bar_nox")


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


def staging(bench: Bench) -> Iterator[Line]:
    """A model of 2 GB in 2,000 files into a store, and again unchanged."""
    files, size = (20, 1 << 16) if bench.smoke else (2000, 1 << 20)
    with team() as a_team:
        sources = made(a_team.folder / "model")
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
            yield Line(f"the same again to {name}", f"{again_s:.2f} s", "", "<= 0.5 s", met(again_s, 0.5, bench))
            store.close()


def _hashes(sources: Path) -> dict[str, Path]:
    return {hashlib.sha256(path.read_bytes()).hexdigest(): path for path in sources.iterdir()}


#: Seconds of CPU that a model of real size may take, bare and scanned.
REAL_S = 20


def real_models(bench: Bench) -> Iterator[Line]:
    """Each model of a folder, solved by bare HiGHS and by a local scan of one profile, or as far as both come."""
    if bench.models is None or bench.smoke:
        return
    for model in sorted([*bench.models.glob("*.mps"), *bench.models.glob("*.mps.gz")]):
        with tempfile.TemporaryDirectory(prefix="tdb-", dir="/tmp") as folder:
            environ = clean_environ(HOME=folder, GAMS_PATH="/nonexistent")
            words = ["--threads", "1", "-p", "default", "--timeout-seconds", str(REAL_S), "--out", f"{folder}/out"]
            bare = cost([sys.executable, "-c", BARE_SOLVE, str(model)], environ)
            ours = cost([*PROGRAM, "scan", str(model), *words], environ, ok=(0, 3, 4))
            yield Line(f"{model.name}, CPU", f"{ours.cpu_s:.1f} s", f"{bare.cpu_s:.1f} s bare HiGHS")


def parsing(bench: Bench) -> Iterator[Line]:
    """Logs that real runs left, repeated to 8 MB: MB a second of CPU; also with what worker and report make of it."""
    for label, case, counts in logs.LOGS[: 1 if bench.smoke else None]:
        text = logs.repeated(label, case)[: 100_000 if bench.smoke else None]
        size, seconds = len(text.encode()), 0.0 if bench.smoke else 1.0
        ways = (logs.read_only, logs.with_progress, logs.with_digest)
        read, progress, digest = (logs.measure(partial(way, text), size, seconds=seconds) for way in ways)
        ours = f"{read:.0f} MB/s ({progress:.0f} with progress, {digest:.0f} with a report)"
        target, is_met = (f">= {logs.TARGET_MB_S:g} MB/s", read >= logs.TARGET_MB_S) if counts else ("", None)
        yield Line(f"parsing: {label}", ours, "", target, is_met)
