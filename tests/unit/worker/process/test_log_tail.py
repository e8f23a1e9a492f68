from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from times_doctor_worker.process import log_tail as tail_module
from times_doctor_worker.process.log_tail import LogTail


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "run.log"


@pytest.fixture
def tail(log: Path) -> Iterator[LogTail]:
    with LogTail(log) as tail:
        yield tail


def _open_files() -> int:
    return sum(1 for _ in Path("/dev/fd").iterdir())


def _append(log: Path, data: bytes) -> None:
    with log.open("ab") as file:
        file.write(data)


def test_a_file_that_does_not_exist_yet_has_no_news(tail: LogTail, log: Path) -> None:
    assert tail.poll() == ""
    assert "".join(tail.drain()) == ""

    _append(log, b"now\n")

    assert tail.poll() == "now\n"


def test_each_poll_gives_only_what_is_new(tail: LogTail, log: Path) -> None:
    _append(log, b"one\ntw")
    assert tail.poll() == "one\ntw"
    assert tail.poll() == ""

    _append(log, b"o\n")

    assert tail.poll() == "o\n"
    assert tail.size_bytes == 8


def test_a_character_cut_by_the_end_of_the_file_waits_for_its_rest(tail: LogTail, log: Path) -> None:
    _append(log, "é".encode()[:1])
    assert tail.poll() == ""

    _append(log, "é".encode()[1:] + b"!")

    assert tail.poll() == "é!"


def test_latin_1_bytes_survive_as_replacement_characters(tail: LogTail, log: Path) -> None:
    _append(log, b"Z\xfcrich\n")

    assert tail.poll() == "Z�rich\n"


def test_drain_gives_the_rest_in_pieces_and_marks_a_cut_character(
    tail: LogTail, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tail_module, "MAX_POLL_BYTES", 4)
    _append(log, b"0123456789\xc3")

    assert tail.poll() == "0123"
    assert "".join(tail.drain()) == "456789�"


def test_one_poll_never_reads_more_than_its_bound(tail: LogTail, log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tail_module, "MAX_POLL_BYTES", 1000)
    _append(log, b"x" * 2500)

    assert [len(tail.poll()) for _ in range(4)] == [1000, 1000, 500, 0]


def test_a_file_that_was_truncated_is_read_from_its_start(tail: LogTail, log: Path) -> None:
    _append(log, b"a long first text\xc3")
    tail.poll()

    log.write_bytes(b"short\n")

    assert tail.poll() == "short\n"


def test_a_file_that_was_replaced_is_read_from_its_start(tail: LogTail, log: Path, tmp_path: Path) -> None:
    _append(log, b"old\n")
    tail.poll()
    _append(log, b"last of old\n")
    (tmp_path / "new").write_bytes(b"new and longer than the old one was\n")

    (tmp_path / "new").replace(log)

    assert tail.poll() == "last of old\n"
    assert tail.poll() == "new and longer than the old one was\n"


def test_a_file_that_was_removed_keeps_what_it_has(tail: LogTail, log: Path) -> None:
    _append(log, b"text\n")
    tail.poll()

    log.unlink()

    assert tail.poll() == ""


def test_the_file_stays_open_between_polls_and_is_closed_once(log: Path) -> None:
    _append(log, b"text\n")
    before = _open_files()
    tail = LogTail(log)
    for _ in range(50):
        tail.poll()

    assert _open_files() == before + 1
    tail.close()
    tail.close()
    assert _open_files() == before


def test_a_flood_is_read_up_to_where_it_can_be_followed_and_then_from_its_end(
    tail: LogTail, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, size in (("MAX_POLL_BYTES", 100), ("BEHIND_BYTES", 400), ("TAIL_BYTES", 200)):
        monkeypatch.setattr(tail_module, name, size)
    lines = [f"line {number:04}\n" for number in range(1000)]
    _append(log, "".join(lines).encode())

    text = "".join(tail.drain())

    head, gap, rest = re.split(r"(\*\*\* \d+ bytes left out by times-doctor \*\*\*\n)", text)
    assert head == "".join(lines[:10])
    assert rest == "".join(lines[1000 - len(rest) // 10 :])
    assert int(gap.split()[1]) == 10 * 1000 - len(head) - len(rest)
    assert tail.size_bytes == 10 * 1000


def test_a_writer_that_never_ends_does_not_keep_whoever_drains(
    tail: LogTail, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, size in (("MAX_POLL_BYTES", 100), ("BEHIND_BYTES", 400), ("TAIL_BYTES", 200)):
        monkeypatch.setattr(tail_module, name, size)
    _append(log, b"x\n" * 5000)

    size = 0
    for piece in tail.drain():
        size += len(piece)
        _append(log, b"x\n" * 5000)

    assert size < 1500


def test_a_pipe_is_not_waited_for_and_a_link_is_not_followed(tail: LogTail, log: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("password")
    log.symlink_to(tmp_path / "secret")
    assert tail.poll() == ""
    log.unlink()
    os.mkfifo(log)
    assert tail.poll() == ""
    log.unlink()
    log.mkdir()
    assert tail.poll() == ""
    log.rmdir()
    _append(log, b"now\n")
    assert tail.poll() == "now\n"


def test_a_log_that_becomes_a_link_in_a_circle_ends_there(tail: LogTail, log: Path) -> None:
    _append(log, b"one\n")
    assert tail.poll() == "one\n"
    log.unlink()
    log.symlink_to(log.name)
    assert tail.poll() == ""
