from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]  # has no stubs of its own
import pytest

from tests.recorded.install import install_recorded_gams

MODELS = Path(__file__).parents[1] / "recorded" / "models"


class Cli:
    """The installed program, with a home, a cache and a temporary folder of its own."""

    def __init__(self, home: Path) -> None:
        self.home = home
        keep = {"PATH", "LANG", "COVERAGE_PROCESS_START"}
        self.environ = {name: value for name, value in os.environ.items() if name in keep}
        self.environ |= {"HOME": str(home), "TERM": "dumb"}

    def argv(self, *words: object) -> list[str]:
        return [sys.executable, "-c", "from times_doctor_cli.entry import main; main()", *map(str, words)]

    def run(self, *words: object, **environ: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.argv(*words), env=self.environ | environ, capture_output=True, text=True, timeout=100, cwd=self.home
        )

    def start(self, *words: object, **environ: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            self.argv(*words),
            env=self.environ | environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=self.home,
            start_new_session=True,
        )

    def scan(self, *words: object, **environ: str) -> tuple[int, dict[str, Any]]:
        """Exit code and the document of `--json`."""
        done = self.run("scan", *words, "--json", **environ)
        assert done.stdout, done.stderr
        return done.returncode, json.loads(done.stdout)


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    home = tmp_path / "home"
    home.mkdir()
    return Cli(home)


@pytest.fixture
def recorded(tmp_path: Path) -> Path:
    """A GAMS that replays recorded runs at once."""
    return install_recorded_gams(tmp_path / "gams", speed=0)


RunFolder = Callable[..., Path]


@pytest.fixture
def run_folder(tmp_path: Path) -> RunFolder:
    """A run folder with one of the recorded models as its driver."""

    def make(model: str, name: str = "case", files: Sequence[tuple[str, str]] = ()) -> Path:
        folder = tmp_path / name
        folder.mkdir()
        shutil.copyfile(MODELS / f"{model}.gms", folder / f"{model}.gms")
        for file, text in files:
            (folder / file).write_text(text)
        return folder

    return make


def processes_of(folder: Path) -> list[psutil.Process]:
    """Processes that have to do with a folder: it stands in their command line, or they work below it."""
    found = []
    for process in psutil.process_iter():
        try:
            words, cwd = " ".join(process.cmdline()), process.cwd()
        except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
            continue
        if process.pid != os.getpid() and (str(folder) in words or cwd.startswith(str(folder))):
            found.append(process)
    return found


def solvers_of(cli: Cli) -> list[psutil.Process]:
    """Processes of engines that this program's worker has started: they work in its cache."""
    return [p for p in processes_of(cli.home / ".cache") if not is_worker(p)]


def is_worker(process: psutil.Process) -> bool:
    """Whether it runs a worker of ours; one that has ended meanwhile does not."""
    try:
        return "times_doctor_worker" in " ".join(process.cmdline())
    except (psutil.NoSuchProcess, psutil.ZombieProcess):
        return False
