"""What a user's machine does to a scan that runs on it: another scan, an editor, a full disk."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.acceptance.conftest import Cli
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
