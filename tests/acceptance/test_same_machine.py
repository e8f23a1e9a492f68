"""What a user's machine does to a scan that runs on it: another scan, an editor, a full disk."""

from __future__ import annotations

import contextlib
import itertools
import json
import random
import subprocess
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.acceptance.conftest import Cli
from tests.conftest import wait_until
from times_doctor_cli.reports.layout import REPORTS, saved_reports

pytestmark = [pytest.mark.server, pytest.mark.timeout(120)]

SMALL = "Minimize\n cost: 2 x + 3 y\nSubject To\n need: x + y >= 4\n most: x <= 3\nEnd\n"


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "model" / "small.lp"
    path.parent.mkdir()
    path.write_text(SMALL)
    return path


def test_two_scans_at_once_into_one_folder_both_end_whole(cli: Cli, model: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    both = [cli.start("scan", model, "--out", out, "--json") for _ in range(2)]
    ended = [(*scan.communicate(timeout=100), scan.returncode) for scan in both]

    assert [code for _, _, code in ended] == [0, 0], [words for _, words, _ in ended]
    shown = {(document := json.loads(text))["scan"]: document for text, _, _ in ended}
    saved = saved_reports(out)
    assert {path.parent.name: json.loads(path.read_text()) for path in saved} == shown
    for document in shown.values():
        assert {run["verdict"] for run in document["runs"]} == {"optimal"}
        folders = {path.name for path in (out / document["scan"] / "scan_runs").iterdir()}
        assert folders == {run["run"] for run in document["runs"]}
    assert [(out / name).read_bytes() for name in REPORTS] == [
        (saved[-1].parent / name).read_bytes() for name in REPORTS
    ]
    assert {path.name for path in out.iterdir()} == {*shown, *REPORTS}, "no half-written file is left"
    records = json.loads(cli.run("history", model, "--json").stdout)["records"]
    assert {record["scan"] for record in records} == set(shown)


class SmallDisk:
    """A disk of its own below the tests' folder."""

    def __init__(self, folder: Path, size_mb: int) -> None:
        self.folder = folder
        folder.mkdir()
        words = ["mount", "-t", "tmpfs", "-o", f"size={size_mb}m", "td-test", str(folder)]
        if (mounted := subprocess.run(words, capture_output=True, text=True)).returncode:
            pytest.skip(f"no small disk can be mounted here: {mounted.stderr.strip()}")

    def fill(self) -> None:
        """To the last byte."""
        with (self.folder / "filler").open("ab", buffering=0) as filler:
            for block in (bytes(1 << 20), bytes(1)):
                with contextlib.suppress(OSError):
                    while filler.write(block):
                        pass


@pytest.fixture
def make_disk(tmp_path: Path) -> Iterator[Callable[[str, int], SmallDisk]]:
    disks: list[SmallDisk] = []

    def make(name: str, size_mb: int) -> SmallDisk:
        disks.append(SmallDisk(tmp_path / name, size_mb))
        return disks[-1]

    yield make
    for disk in disks:
        subprocess.run(["umount", "--lazy", disk.folder], check=True)


MakeDisk = Callable[[str, int], SmallDisk]


def staged_in(cache: Path) -> Callable[[], bool]:
    return lambda: any((cache / "staged").glob("[!.]*/model/*"))


@pytest.mark.parametrize("form", [(), ("--json",)])
def test_a_full_disk_below_out_costs_the_files_and_no_result(
    cli: Cli, model: Path, make_disk: MakeDisk, form: tuple[str, ...]
) -> None:
    disk, cache = make_disk("out", 1), cli.home / ".cache" / "times-doctor"
    scan = cli.start("scan", model, "--out", disk.folder, *form)
    wait_until(staged_in(cache), timeout_s=60, what="the model is staged")
    disk.fill()
    shown, said = scan.communicate(timeout=100)

    assert scan.returncode == 2
    if form:
        assert {run["verdict"] for run in json.loads(shown)["runs"]} == {"optimal"}
    else:
        assert "all 3 optimal" in " ".join(shown.split())
        assert not [line for line in shown.splitlines() if line.startswith(("Files:", "Use recommended/"))]
    assert f"Error: Files cannot be written to '{disk.folder}/" in said.replace("\n", " ")
    assert "No space left on device" in said
    assert "--out DIR" in said
    (runs,) = (cache / "runs").iterdir()
    assert f"Logs and solutions of its runs stay in {runs}." in said
    assert all((folder / "run.log").stat().st_size for folder in runs.iterdir() if folder.is_dir())


def test_a_full_cache_folder_is_named_before_anything_is_started(cli: Cli, model: Path, make_disk: MakeDisk) -> None:
    disk = make_disk("cache", 1)
    disk.fill()
    done = cli.run("scan", model, TIMES_DOCTOR_CACHE_DIR=str(disk.folder))
    assert done.returncode == 2
    words = " ".join(done.stderr.split())
    assert words.startswith(
        f"Error: The cache folder '{disk.folder}' (from TIMES_DOCTOR_CACHE_DIR) cannot be used: No sp"
    )


def test_a_cache_folder_without_room_for_the_model_is_named(cli: Cli, model: Path, make_disk: MakeDisk) -> None:
    disk = make_disk("cache", 1)
    done = cli.run("scan", model, TIMES_DOCTOR_CACHE_DIR=str(disk.folder))
    assert done.returncode == 5
    assert f"The store at '{disk.folder}/blobs' is full" in done.stderr


def test_a_disk_that_fills_while_the_solver_writes_costs_files_that_are_told(
    cli: Cli, tmp_path: Path, make_disk: MakeDisk
) -> None:
    hard = tmp_path / "hard.lp"
    hard.write_text(knapsacks())
    disk = make_disk("cache", 400)
    words = ("-p", "default", "-p", "seed_2", "--timeout-seconds", "6", "--json")
    scan = cli.start("scan", hard, *words, TIMES_DOCTOR_CACHE_DIR=str(disk.folder))
    wait_until(
        lambda: any((disk.folder / "runs").glob("*/highs.default.1/run.log")), timeout_s=60, what="the solver writes"
    )
    disk.fill()
    shown, said = scan.communicate(timeout=100)

    assert scan.returncode == 3, said
    report = json.loads(shown)
    first, second = report["runs"]
    assert first["objective"] is not None
    (warning,) = [words for words in report["warnings"] if "missing here" in words]
    assert warning.startswith("Files of highs.default are missing here. There was no room for them")
    assert first["directory"] in warning
    assert f"the disk of {disk.folder} is full" in second["sentence"]
    assert "TIMES_DOCTOR_CACHE_DIR" in second["sentence"]


def knapsacks(rows: int = 160, columns: int = 220) -> str:
    """A MIP that takes HiGHS minutes."""
    dice = random.Random(1)
    lines = ["Minimize", " cost: " + " + ".join(f"{dice.randint(1, 50)} x{i}" for i in range(columns)), "Subject To"]
    for row in range(rows):
        terms = " + ".join(f"{dice.randint(1, 30)} x{i}" for i in dice.sample(range(columns), 25))
        lines.append(f" c{row}: {terms} >= {dice.randint(200, 900)}")
    bounds = [f" x{i} <= 9" for i in range(columns)]
    return "\n".join([*lines, "Bounds", *bounds, "General", *(f" x{i}" for i in range(columns)), "End\n"])


OTHER = SMALL.replace(">= 4", ">= 14")


def test_a_model_that_is_rewritten_all_the_time_gives_results_of_one_content_or_an_error(cli: Cli, model: Path) -> None:
    """9 and 39 are the optima of the two contents."""
    over = threading.Event()

    def rewrite() -> None:
        for text in itertools.cycle([OTHER, SMALL]):
            (part := model.with_name("part")).write_text(text)
            part.replace(model)
            if over.wait(0.2):
                return

    with ThreadPoolExecutor(1) as pool:
        pool.submit(rewrite)
        try:
            ended = [cli.scan(model, "-p", "dual", "-p", "bar") for _ in range(4)]
        finally:
            over.set()
    for code, document in ended:
        if code == 2:
            assert "small.lp' changed while it was read. Wait until" in document["error"]
        else:
            assert {round(run["objective"]) for run in document["runs"]} in ({9}, {39})
            assert document["comparison"]["agree"]
    assert [code for code, _ in ended if code not in (0, 2)] == []


def test_a_model_that_is_rewritten_during_the_solve_is_solved_as_it_was(cli: Cli, model: Path) -> None:
    scan = cli.start("scan", model, "--json")
    staged = cli.home / ".cache" / "times-doctor" / "staged"
    wait_until(lambda: any(staged.glob("*/model/small.lp")), timeout_s=60, what="the model is staged")
    model.write_text(OTHER)
    shown, _ = scan.communicate(timeout=100)
    assert scan.returncode == 0
    assert {round(run["objective"]) for run in json.loads(shown)["runs"]} == {9}
