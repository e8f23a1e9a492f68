from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.recorded.install import install_recorded_gams
from times_doctor_tasks.contract.messages import RunSpec
from times_doctor_tasks.snapshot.manifest import Manifest, StagedFile
from times_doctor_worker.engines.gams import GamsEngine
from times_doctor_worker.engines.gams_installation import clean_environ
from times_doctor_worker.engines.native.engine import NativeEngine
from times_doctor_worker.engines.port import Command, Job
from times_doctor_worker.engines.sandbox import readable
from times_doctor_worker.process import landlock
from times_doctor_worker.process.fork_server import Warden, start_warden

pytestmark = [
    pytest.mark.skipif(not landlock.version(), reason="this kernel has no Landlock"),
    pytest.mark.timeout(60),
    pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning"),
]
_LP = "Minimize\n cost: x + y\nSubject To\n need: x + y >= 4\nEnd\n"
#: What a solver that runs somebody's code may try: writes its outcome, a line a try, into its own folder.
_TRIES = r"""
import os, signal, socket, sys
tree, secret, folder, port, parent = sys.argv[1:6]
def outcome(what):
    try:
        what()
        return "done"
    except OSError as error:
        return type(error).__name__
tries = {
    "own file": lambda: open("mine", "w").close(),
    "model": lambda: open(tree + "/m.lp").read(),
    "write model": lambda: open(tree + "/m.lp", "a"),
    "delete model": lambda: os.unlink(tree + "/m.lp"),
    "secret": lambda: open(secret).read(),
    "write outside": lambda: open(folder + "/pwn", "w"),
    "relative": lambda: open("../pwn", "w"),
    "list": lambda: os.listdir(folder),
    "passwords": lambda: open("/etc/passwd").read(),
    "environment": lambda: open(f"/proc/{parent}/environ").read(),
    "network": lambda: socket.create_connection(("127.0.0.1", int(port)), 5),
    "link": lambda: os.symlink(secret, "link") or open("link").read(),
    "signal": lambda: os.kill(int(parent), 0),
    "child": lambda: os.waitstatus_to_exitcode(os.system(f"cat {secret} >/dev/null 2>&1")) == 0 or open("/nonexistent"),
}
open("outcome", "w").write("\n".join(f"{name}: {outcome(what)}" for name, what in tries.items()))
"""
_ALLOWED = {"own file", "model"}


@pytest.fixture
def warden() -> Iterator[Warden]:
    warden = start_warden()
    yield warden
    warden.close()


def job_in(tmp_path: Path, options: str = "", engine: str = "highs") -> Job:
    tree, folder = tmp_path / "staged" / "tree", tmp_path / "runs" / "a"
    tree.mkdir(parents=True)
    folder.mkdir(parents=True)
    (tree / "m.lp").write_text(_LP)
    (tmp_path / "secret").write_text("key")
    manifest = Manifest(driver="m.lp", files=(StagedFile(path="m.lp", size_bytes=1, sha256="0" * 64),), kind="lp")
    run = RunSpec(scan="s", run="r", index=0, engine=engine, solver="highs", profile="p", options=options, iis_s=5.0)
    return Job(run, manifest, tree, folder, "m")


def ended(warden: Warden, command: Command, job: Job) -> int | None:
    with warden.spawn(
        command.argv,
        cwd=job.directory,
        env=command.environ,
        marker=job.directory.parent / "marker",
        stderr_path=job.directory / "stderr",
        reads=command.reads,
    ) as process:
        end = process.wait(50.0)
    assert end is not None
    return end.returncode


def tries(warden: Warden, job: Job, *, confined: bool) -> set[str]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        words = [job.tree, job.tree.parents[1] / "secret", job.directory.parent, server.getsockname()[1], os.getpid()]
        command = Command(
            [sys.executable, "-c", _TRIES, *map(str, words)],
            {},
            job.directory / "log",
            reads=readable(job.tree) if confined else None,
        )
        assert ended(warden, command, job) == 0, (job.directory / "stderr").read_text()
    lines = (job.directory / "outcome").read_text().splitlines()
    return {name for name, _, outcome in (line.partition(": ") for line in lines) if outcome == "done"}


def test_a_confined_solver_reaches_its_model_and_its_folder_and_nothing_else(tmp_path: Path, warden: Warden) -> None:
    allowed = tries(warden, job_in(tmp_path), confined=True)
    assert allowed - ({"signal"} if landlock.version() < 6 else set()) == _ALLOWED
    assert (tmp_path / "staged/tree/m.lp").read_text() == _LP


def test_without_the_wall_it_reaches_all_of_it(tmp_path: Path, warden: Warden) -> None:
    assert tries(warden, job_in(tmp_path), confined=False) >= _ALLOWED | {"secret", "write outside", "network", "list"}


def test_highs_solves_and_seeks_conflicts_behind_the_wall(tmp_path: Path, warden: Warden) -> None:
    job = job_in(tmp_path, "threads = 2\n")
    engine = NativeEngine("1", clean_environ(os.environ))
    assert ended(warden, engine.prepare(job), job) == 0, (job.directory / "stderr").read_text()
    assert json.loads((job.directory / "result.json").read_text())["objective"] == pytest.approx(4.0)
    search = engine.conflict_search(job)
    assert search is not None
    assert ended(warden, search, job) == 0, (job.directory / "stderr").read_text()
    assert (job.directory / "conflict.json").is_file()


def test_a_gams_runs_behind_the_wall_where_it_is_told_to(tmp_path: Path, warden: Warden) -> None:
    system = install_recorded_gams(tmp_path / "gams", speed=0)
    job = job_in(tmp_path, engine="gams")
    engine = GamsEngine(system / "gams", "54", clean_environ(os.environ), system, confined=True)
    command = engine.prepare(job)
    assert command.reads is not None
    tests = Path(__file__).parents[1]  # what is a system folder of a real GAMS lies elsewhere for the recorded one
    command = Command(command.argv, command.environ, command.log, [*command.reads, tests])
    ended(warden, command, job)
    assert (job.directory / "run.log").is_file(), (job.directory / "stderr").read_text()


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become the user that solvers run as")
def test_a_process_of_the_same_user_reads_no_environment_or_memory_of_a_worker(tmp_path: Path) -> None:
    script = (
        "import os, sys\n"
        "from times_doctor_worker.process import landlock, supervisor\n"
        "landlock.libc()\n"  # another user may not read this Python
        "os.setuid(65534)\n"
        "landlock.libc().prctl(4, 1, 0, 0, 0)\n"  # a change of user closes a process, too
        "if sys.argv[1] == 'closed':\n"
        "    supervisor.keep_secrets()\n"
        "child = os.fork()\n"
        "if child == 0:\n"
        "    for name in ('environ', 'maps', 'fd', 'cmdline'):\n"
        "        path = f'/proc/{os.getppid()}/{name}'\n"
        "        try:\n"
        "            os.listdir(path) if name == 'fd' else open(path).read()\n"
        "            print(name, flush=True)\n"
        "        except OSError:\n"
        "            pass\n"
        "    os._exit(0)\n"
        "os.waitpid(child, 0)\n"
    )

    def readable_of(how: str) -> list[str]:
        done = subprocess.run([sys.executable, "-c", script, how], capture_output=True, text=True, check=True)
        return done.stdout.split()

    assert readable_of("open") == ["environ", "maps", "fd", "cmdline"]
    assert readable_of("closed") == ["cmdline"]
