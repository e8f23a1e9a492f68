"""What a user's machine does to a scan that runs on it: another scan, an editor, a full disk."""

from __future__ import annotations

import itertools
import json
import threading
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
