from __future__ import annotations

from pathlib import Path

import pytest

from times_doctor_tasks.contract.messages import RunSpec
from times_doctor_tasks.contract.states import Verdict
from times_doctor_tasks.snapshot.manifest import Manifest, StagedFile
from times_doctor_worker.engines.native.adapter import Unreadable
from times_doctor_worker.engines.native.engine import LOG, NativeEngine
from times_doctor_worker.engines.port import Job

HEAD = "Running HiGHS 1.16.0 (git hash: f3f113d): Copyright (c) 2026 under MIT licence terms\n"
#: File -> what HiGHS 1.16 wrote of it, and what is said of that.
LOGS = {
    "Product.lp": (
        "ERROR:   quadratic constraints are not supported by HiGHS\n --> {path}:4:12\n  |\n"
        "4 |  c1: 3 x + [ x * y ] <= 9\n  |            ^ quadratic term in a constraint\n",
        "HiGHS could not read the model file Product.lp: quadratic constraints are not supported by HiGHS (line 4).",
    ),
    "d.lp": (
        "ERROR:   expected a number, found `end`\n --> {path}:5:1\n  |\n5 | end\n",
        "HiGHS could not read the model file d.lp: expected a number, found `end` (line 5).",
    ),
    "Old.MPS.GZ": (
        "ERROR:   Row name r is not defined.\n",
        "HiGHS could not read the model file Old.MPS.gz: Row name r is not defined.",
    ),
    "m.mps.bz2": (
        "ERROR:   Model file {path} not supported\n",
        "HiGHS could not read the model file m.mps.bz2: Model file m.mps.bz2 not supported.",
    ),
    "a.mps": ("", "HiGHS could not read the model file a.mps."),
}


#: Lines of HiGHS about what it left out of a file that it then solved.
LEFT_OUT = {
    "a row that is not there": 'Row name "NOROW" in COLUMNS section is not defined: ignored',
    "a second cost": 'Column "Z" has duplicate nonzero 3 in objective row "COST": ignored',
}


@pytest.mark.parametrize("case", LEFT_OUT)
def test_a_model_of_which_a_part_was_left_out_is_another_model(tmp_path: Path, case: str) -> None:
    (tmp_path / LOG).write_text(
        f"{HEAD}WARNING: {LEFT_OUT[case]}\nLP m has 3 rows; 3 cols; 5 nonzeros\nModel status        : Optimal\n"
        "Objective value     :  9.0000000000e+00\nHiGHS run time      :          0.00\n"
    )
    (tmp_path / "result.json").write_text('{"model_status": "Optimal", "objective": 9.0}')
    run = RunSpec(scan="s", run="highs.dual", index=0, engine="highs", solver="highs", profile="dual", options="")
    manifest = Manifest(
        driver="model/m.mps", files=(StagedFile(path="model/m.mps", size_bytes=1, sha256="0" * 64),), kind="lp"
    )

    reading = NativeEngine("1.16.0", {}).read(
        Job(run, manifest, tmp_path / "tree", tmp_path, "m"), returncode=0, stop_reason=None
    )

    assert reading.verdict is Verdict.COMPILE_ERROR
    assert reading.judgement.sentence == (
        f"HiGHS read only a part of the model file ({LEFT_OUT[case]}), so it solved another model."
    )
    assert [(solve.objective, solve.verdict) for solve in reading.solves] == [(None, Verdict.COMPILE_ERROR)]


@pytest.mark.parametrize("name", LOGS)
def test_highs_own_reason_for_not_reading_a_file_is_said_with_the_users_name_of_it(tmp_path: Path, name: str) -> None:
    written, sentence = LOGS[name]
    staged = f"model/{name.lower()}"
    path = tmp_path / "tree" / staged
    error = f"ERROR:   Parser error reading {path}\n"
    (tmp_path / LOG).write_text(HEAD + written.replace("{path}", str(path)) + error)
    run = RunSpec(scan="s", run="highs.dual", index=0, engine="highs", solver="highs", profile="dual", options="")
    manifest = Manifest(driver=staged, files=(StagedFile(path=staged, size_bytes=1, sha256="0" * 64),), kind="lp")

    job = Job(run, manifest, tmp_path / "tree", tmp_path, Path(name).stem)
    reading = NativeEngine("1.16.0", {}).read(job, returncode=Unreadable.code, stop_reason=None)

    assert reading.verdict is Verdict.COMPILE_ERROR
    assert reading.judgement.sentence == sentence
    assert not [message for message in reading.messages if str(tmp_path) in message]
