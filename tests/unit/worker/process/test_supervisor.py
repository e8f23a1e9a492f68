from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from times_doctor_worker.process import supervisor
from times_doctor_worker.process.supervisor import Order


def _order(argv: list[bytes], env: list[bytes], cwd: bytes = b"/") -> Order:
    return Order(argv, env, cwd=cwd, stdout_path=b"", stderr_path=b"/e", marker_path=b"/m")


@pytest.mark.parametrize(
    ("argv", "env"),
    [
        ([b"/bin/true"], []),
        ([b"/bin/echo", b"", b"two words", b"line\nfeed", "ü".encode(), b"\xff"], [b"A=", b"B=x=y", b"C=\n"]),
    ],
)
def test_an_order_survives_its_journey(argv: list[bytes], env: list[bytes]) -> None:
    order = Order.decode(_order(argv, env, cwd="/ä b".encode()).encode())

    assert (order.argv, order.env, order.cwd) == (argv, env, "/ä b".encode())
    assert (order.stdout_path, order.stderr_path, order.marker_path) == (b"", b"/e", b"/m")


@pytest.mark.parametrize("reads", [None, [], [b"/usr", "/m\xc3\xb6del x".encode("latin-1")]])
def test_what_an_engine_may_read_survives_its_journey(reads: list[bytes] | None) -> None:
    sent = Order([b"a", b"b"], [b"A=1"], cwd=b"/", stdout_path=b"", stderr_path=b"", marker_path=b"/m", reads=reads)
    order = Order.decode(sent.encode())
    assert (order.argv, order.env, order.reads) == ([b"a", b"b"], [b"A=1"], reads)


@pytest.mark.parametrize(("argv", "env"), [([b"a\0b"], []), ([b"a"], [b"A=\0"])])
def test_a_nul_byte_cannot_shift_the_fields(argv: list[bytes], env: list[bytes]) -> None:
    with pytest.raises(ValueError, match="NUL"):
        _order(argv, env).encode()


def test_start_time_is_read_whatever_a_process_is_called(tmp_path: Path) -> None:
    program = tmp_path / "a) S 1 (b"
    program.symlink_to("/bin/sleep")
    before = supervisor.start_ticks(os.getpid())
    with subprocess.Popen([program, "60"]) as process:
        ticks = supervisor.start_ticks(process.pid)
        process.kill()
    uptime_ticks = time.clock_gettime(time.CLOCK_BOOTTIME) * os.sysconf("SC_CLK_TCK")

    assert before < ticks <= uptime_ticks + 1


def test_nobody_has_no_start_time() -> None:
    assert supervisor.start_ticks(2**22 + 1) == 0


def test_forking_the_warden_waits_for_no_heavy_import() -> None:
    root = str(Path(supervisor.__file__).parents[2])
    script = (
        f"import sys; sys.path.append({root!r}); import times_doctor_worker.process.fork_server; print(*sys.modules)"
    )

    done = subprocess.run([sys.executable, "-I", "-S", "-c", script], capture_output=True, text=True, check=True)

    heavy = {"typing", "dataclasses", "inspect", "re", "json", "logging", "subprocess", "pathlib", "ctypes", "psutil"}
    assert heavy.isdisjoint(done.stdout.split())
