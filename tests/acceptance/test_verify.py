"""`verify` with a recorded GAMS, and the file that it writes, fed back as recorded runs."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.conftest import MODELS, Cli
from times_doctor_cli.verify.cases import CASES
from times_doctor_tasks.contract.states import Verdict
from times_doctor_tasks.results.run_files import find_run_files
from times_doctor_tasks.results.run_reader import read_run

pytestmark = [pytest.mark.long, pytest.mark.server, pytest.mark.timeout(120)]


@pytest.fixture
def record(cli: Cli, recorded: Path, tmp_path: Path) -> dict[str, Any]:
    model = tmp_path / "Secret_Case"
    model.mkdir()
    shutil.copy(MODELS / "infeasible.gms", model / "infeasible.gms")
    done = cli.run("verify", model, "--gams-path", recorded, "--out", tmp_path / "mail.json")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "check what it contains" in done.stdout
    return dict(json.loads((tmp_path / "mail.json").read_text()))


def test_each_case_ends_as_it_must_and_can_be_read_again_from_the_file(record: dict[str, Any], tmp_path: Path) -> None:
    assert [case["case"] for case in record["cases"]] == [*(case.name for case in CASES), "yours"]
    for case in record["cases"][:-1]:
        assert len(case["runs"]) == 2
        for run in case["runs"]:
            folder = tmp_path / "again" / case["case"] / run["profile"]
            folder.mkdir(parents=True)
            for name, text in run["texts"].items():
                (folder / name).write_text(text)
            assert read_run(find_run_files(folder)).verdict == Verdict(case["expected"])
            assert run["as_expected"]


def test_the_file_tells_versions_and_no_path_of_anybodys(record: dict[str, Any], tmp_path: Path) -> None:
    run = record["cases"][0]["runs"][0]
    assert run["engine_version"] == "54.6.1"
    assert run["runtime_s"] >= 0
    text = json.dumps(record)
    for private in (str(tmp_path), tmp_path.name, "Secret_Case"):
        assert private not in text


def test_without_gams_it_says_so_in_the_words_and_with_the_exit_code_of_a_scan(cli: Cli, tmp_path: Path) -> None:
    done = cli.run("verify", "--gams-path", tmp_path / "no_gams")
    (tmp_path / "tiny.gms").write_text("display 1;\n")
    scan = cli.run("scan", tmp_path / "tiny.gms", "--gams-path", tmp_path / "no_gams")
    assert (done.returncode, done.stderr) == (scan.returncode, scan.stderr)
    assert done.stderr.count("Error:") == 1
