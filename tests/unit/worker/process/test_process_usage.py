from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.conftest import wait_until
from times_doctor_worker.process.process_usage import TreeMeter

#: A parent and a child in one group, each with 30 MB, until their input ends.
_TREE = (
    "import os, sys; held = bytearray(30_000_000); pid = os.fork();"
    "held[::4096] = bytes(len(held[::4096])); print(len(held), flush=True); sys.stdin.read()"
)


@pytest.fixture
def group() -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-I", "-c", _TREE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, process_group=0
    ) as process:
        assert process.stdout is not None
        for _ in range(2):
            process.stdout.readline()
        yield process


def test_memory_of_a_tree_is_the_sum_of_what_lives_in_its_group(group: subprocess.Popen[str]) -> None:
    meter = TreeMeter(group.pid)

    usage = meter.sample()

    assert usage.processes == 2
    assert 60e6 < usage.rss_bytes < 120e6
    assert meter.peak_rss_bytes == usage.rss_bytes


def test_the_peak_outlives_the_tree(group: subprocess.Popen[str]) -> None:
    meter = TreeMeter(group.pid)
    peak = meter.sample().rss_bytes

    group.communicate()
    wait_until(lambda: meter.sample().processes == 0)

    assert meter.sample().rss_bytes == 0
    assert meter.peak_rss_bytes == peak


def test_cpu_time_counts_children_that_were_waited_for() -> None:
    script = (
        "import subprocess, sys; subprocess.run([sys.executable, '-c', 'sum(range(6_000_000))']);"
        "print('ready', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-I", "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, process_group=0
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()

        usage = TreeMeter(process.pid).sample()

        assert usage.processes == 1
        assert usage.cpu_s >= 0.05
        process.communicate()


def test_processes_that_come_later_are_seen_and_strangers_are_not_read_again(
    group: subprocess.Popen[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from times_doctor_worker.process import process_usage

    meter = TreeMeter(os.getpgid(group.pid))
    meter.sample()
    read: list[int] = []
    original = process_usage._read_process

    def read_process(pid: int) -> tuple[int, int, float] | None:
        read.append(pid)
        return original(pid)

    monkeypatch.setattr(process_usage, "_read_process", read_process)

    meter.sample()

    assert group.pid in read
    assert os.getpid() not in read


def test_a_group_that_never_was_uses_nothing() -> None:
    usage = TreeMeter(2**22 + 1).sample()

    assert (usage.rss_bytes, usage.cpu_s, usage.processes) == (0, 0.0, 0)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux counts the wait for a core")
def test_the_wait_of_threads_and_processes_that_ended_is_remembered() -> None:
    script = (
        "import sys, threading\n"
        "go = threading.Event()\n"
        "work = [threading.Thread(target=lambda: (sum(range(3_000_000)), go.wait())) for _ in range(2)]\n"
        "for one in work: one.start()\n"
        "sys.stdin.readline(); go.set()\n"
        "for one in work: one.join()\n"
        "print('ready', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-I", "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, process_group=0
    ) as process:
        meter = TreeMeter(process.pid)
        wait_until(lambda: meter.sample().processes == 1 and len(meter._threads) > 1)
        assert process.stdout is not None
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
        process.stdout.readline()
        meter.sample()
        process.communicate()

    meter.sample()

    assert len(meter._threads) > 1
    assert meter.run_delay_s(None) == sum(delay for _, delay in meter._threads.values()) / 1e9


def test_the_wait_after_the_last_sample_is_added_in_proportion_to_the_cpu_time_that_was_missed() -> None:
    meter = TreeMeter(2**22 + 1)
    meter._threads = {7: (1_500_000_000, 200_000_000), 8: (500_000_000, 300_000_000)}  # 2 s on a core, 0.5 s in wait

    assert meter.run_delay_s(None) == 0.5
    assert meter.run_delay_s(6.0) == 1.5
    assert meter.run_delay_s(1.0) == 0.5


def test_no_wait_is_known_where_nothing_was_seen() -> None:
    assert TreeMeter(2**22 + 1).run_delay_s(1.0) is None
