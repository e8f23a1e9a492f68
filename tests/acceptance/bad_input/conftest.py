from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.acceptance.conftest import MODELS, Cli, processes_of
from tests.conftest import wait_until
from tests.recorded.install import install_recorded_gams

CORPUS = Path(__file__).parents[2] / "data" / "corpus"


#: No message is longer: three lines of a wide terminal and a list of names.
MAX_MESSAGE = 1_200


ONE = ("-p", "dual")


Refuse = Callable[..., str]


MakeCase = Callable[..., Path]


@pytest.fixture(scope="session")
def gams(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A GAMS that replays recorded runs at once."""
    return install_recorded_gams(tmp_path_factory.mktemp("gams") / "g", speed=0)


@pytest.fixture
def sockets(tmp_path: Path, cli: Cli) -> Path:
    """Where private folders of scans stand: empty before and after."""
    folder = tmp_path / "r"
    folder.mkdir()
    cli.environ["XDG_RUNTIME_DIR"] = str(folder)
    return folder


@pytest.fixture
def make_case(tmp_path: Path) -> MakeCase:
    """A run folder whose driver has lines of its own before a model of which there are recordings."""

    def make(lines: str | bytes = "", *, name: str = "case", model: str = "cover", driver: str = "case.run") -> Path:
        folder = tmp_path / name
        folder.mkdir()
        raw = lines.encode() if isinstance(lines, str) else lines
        (folder / driver).write_bytes(raw + b"* recording: %s\n" % model.encode() + (MODELS / "cover.gms").read_bytes())
        return folder

    return make


@pytest.fixture
def refuse(cli: Cli, tmp_path: Path, sockets: Path, gams: Path) -> Refuse:
    """Runs a scan that is refused; returns its message after looking that nothing is left of it."""

    def run(*words: object, code: int = 2, **environ: str) -> str:
        before = tree(tmp_path)
        done = cli.run("scan", "--gams-path", gams, *words, **environ)
        assert (done.returncode, done.stdout) == (code, ""), (done.stdout, done.stderr)
        message = done.stderr[done.stderr.index("Error: ") :]
        assert "Traceback" not in done.stderr
        assert len(message) <= MAX_MESSAGE, message
        assert tree(tmp_path) == before, "something was left"
        wait_until(lambda: not processes_of(tmp_path), what="no process is left")
        assert list(sockets.iterdir()) == []
        return message

    return run


def tree(folder: Path) -> set[Path]:
    """Everything in a folder, but what caches hold."""
    return {path for path in folder.rglob("*") if not {".cache", "__pycache__"}.intersection(path.parts)}


Disk = Callable[[int], Path]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Disk]:
    """Mounts a disk of so many kilobytes."""
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("a small disk can only be mounted by root under Linux")
    mounted: list[Path] = []

    def mount(kilobytes: int) -> Path:
        disk = tmp_path / f"disk{len(mounted)}"
        disk.mkdir()
        words = ["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", str(disk)]
        if subprocess.run(words, capture_output=True).returncode:
            pytest.skip("no disk can be mounted here")
        mounted.append(disk)
        return disk

    yield mount
    for disk in mounted:
        subprocess.run(["umount", "--lazy", str(disk)], check=True)
