from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import errno, os, sys
from times_doctor_tasks.contract import messages
from times_doctor_worker import __main__ as program
from times_doctor_worker.service import options, worker

def full(*_, **__):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

messages.decode = lambda *_: None
worker.run_private = options.read_words = full
sys.exit(program.main())
"""


@pytest.mark.parametrize("words", [["--local", "."], []])
def test_a_full_disk_at_the_start_is_said_in_one_line(words: list[str], tmp_path: Path) -> None:
    (tmp_path / "worker.json").touch()
    argv = [sys.executable, "-c", PROGRAM, *words]
    done = subprocess.run(argv, input="", cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 5
    assert done.stderr == "times-doctor: the worker cannot start: [Errno 28] No space left on device\n"
