from __future__ import annotations

from pathlib import Path

import pytest

from times_doctor_cli.local.stack import LocalStack
from times_doctor_cli.planning.builder import Prepared
from times_doctor_cli.planning.request import ScanRequest
from times_doctor_cli.scan import run
from times_doctor_cli.scan.backends import private


def test_ctrl_c_while_the_model_is_read_says_that_nothing_was_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object, **__: object) -> Prepared:
        raise KeyboardInterrupt

    monkeypatch.setattr(run, "plan_scan", interrupted)
    environ = {"HOME": str(tmp_path), "TIMES_DOCTOR_CACHE_DIR": str(tmp_path / "cache")}

    backend = private(LocalStack(str(tmp_path), 0, -1))
    code = run.run(ScanRequest(run_path=tmp_path), backend, environ, dry_run=False, as_json=False)

    assert code == 130
    assert capsys.readouterr().err == "Interrupted before the scan was submitted: nothing was started.\n"
