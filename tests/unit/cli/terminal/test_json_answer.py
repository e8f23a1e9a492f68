from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import wait_until
from times_doctor_cli import entry
from times_doctor_cli.local import stack as stack_module
from times_doctor_cli.main import COMMANDS, run
from times_doctor_cli.terminal import json_answer

LP = "Minimize\n cost: 2 x + 3 y\nSubject To\n need: x + y >= 4\nEnd\n"


@pytest.fixture(autouse=True)
def at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"):
        monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.delenv("TIMES_DOCTOR_BROKER_URL", raising=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("times_doctor_cli.main._end_politely", lambda: None)  # the test's process keeps its signals
    json_answer.GIVEN.clear()


def error_of(capsys: pytest.CaptureFixture[str], code: int) -> str:
    out, err = capsys.readouterr()
    document = json.loads(out)
    assert document.keys() == {"exit_code", "error"}
    assert document["exit_code"] == code
    assert err or code == 130
    return str(document["error"])


@pytest.mark.parametrize("command", [name for name in COMMANDS if name != "worker"])
def test_a_wrong_word_is_told_in_the_one_document_of_json(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([command, "--nosuch", "--json"], None) == 2
    assert "No such option: --nosuch" in error_of(capsys, 2)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("scan m.lp", "needs a Redis or Valkey server program"),
        ("scan m.lp --llm", "--llm is not part of this scan"),
        ("scan m.lp --queue", "needs a broker"),
        ("scan", "Missing argument"),
        ("nosuch", "No such command 'nosuch'"),
        ("watch last", "needs a broker"),
        ("status", "needs a broker"),
        ("cancel last", "needs a broker"),
        ("fetch last", "needs a broker"),
        ("hosts", "needs a broker"),
        ("seats", "needs a broker"),
        ("deadletters", "needs a broker"),
        ("history gone", "gone"),
        ("report gone", "gone"),
        ("diagnose gone", "gone"),
    ],
)
def test_what_cannot_be_done_is_told_in_the_one_document_of_json(
    words: str, said: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "m.lp").write_text(LP)
    code = run([*words.split(), "--json"], None)
    assert code in (2, 5)
    assert said in error_of(capsys, code)


def test_without_json_stdout_stays_empty(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["report", "gone"], None) == 2
    assert capsys.readouterr().out == ""


def test_a_program_that_cannot_begin_says_so_in_the_one_document_of_json(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(stack_module, "_has_room", lambda parent: False)
    assert entry.ending_of(["scan", "m.lp", "--json"]) == 5
    assert "No folder for the private files of this scan" in error_of(capsys, 5)
    json_answer.GIVEN.clear()
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert entry.ending_of(["list", "--json"]) == 2
    assert "The folder you are in is gone" in error_of(capsys, 2)


@pytest.mark.timeout(100)
@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_ctrl_c_ends_a_plan_in_one_document_although_a_huge_model_is_being_read(tmp_path: Path) -> None:
    with (tmp_path / "m.gdx").open("wb") as model:
        model.truncate(60 * 1024**3)
    (tmp_path / "case.run").write_text("$gdxin m.gdx\nvariable z; equation e; e.. z =e= 1; model m /all/;\n")
    words = [sys.executable, "-c", "from times_doctor_cli.entry import main; main()"]
    words += ["scan", str(tmp_path / "case.run"), "--queue", "--dry-run", "--json"]
    environ = os.environ | {"TIMES_DOCTOR_BROKER_URL": "redis://127.0.0.1:1/0"}
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environ)
    try:
        wait_until(lambda: _reads(process.pid, "m.gdx"), what="the model is being read", timeout_s=60)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
    finally:
        process.kill()
    assert (process.returncode, json.loads(out)["exit_code"]) == (130, 130), err


def _reads(pid: int, name: str) -> bool:
    try:
        return any(link.readlink().name == name for link in Path(f"/proc/{pid}/fd").iterdir())
    except OSError:
        return False
