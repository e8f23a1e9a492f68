from __future__ import annotations

import os
import stat
from pathlib import Path

from times_doctor_cli.reports.writers.files import write_atomically


def test_a_pipe_is_written_to_and_stays_a_pipe(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    write_atomically(pipe, "trace")
    assert stat.S_ISFIFO(pipe.lstat().st_mode)
    assert os.read(reader, 100) == b"trace"
    os.close(reader)
