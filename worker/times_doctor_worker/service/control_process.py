"""The control worker beside a solve worker: a separate process, restarted when it dies, ended with its parent."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Sequence

from times_doctor_tasks.contract.clock import monotonic_s
from times_doctor_worker.service.systemd import SOCKET_VARIABLE

logger = logging.getLogger(__name__)

#: Variables that may hold a password: they are sent in the first line of the child's standard input. Other processes of
#: its user can read the environment of a new process until it closes itself to them.
SECRETS = ("TIMES_DOCTOR_BROKER_URL", "TIMES_DOCTOR_STORE_URL")
#: Seconds to wait before it is restarted; the last one repeats.
RESTART_PAUSES_S = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
#: After a life of this many seconds the pauses begin again with the first.
HEALTHY_S = 60.0
#: Seconds that it gets to end by itself.
END_S = 10.0


class ControlChild:
    """Keeps one child alive. The child's standard input is its lifeline: the kernel closes it when we die."""

    def __init__(self, words: Sequence[str]) -> None:
        """`words`: its command line after the program."""
        self._argv = [sys.executable, "-m", "times_doctor_worker", *words]
        self._ended = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._keep, name="control-child", daemon=True)

    def __enter__(self) -> ControlChild:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._ended.set()
            process = self._process
        if process is not None and process.stdin is not None:
            process.stdin.close()
            try:
                process.wait(END_S)
            except subprocess.TimeoutExpired:
                process.kill()
        self._thread.join(timeout=END_S)

    def _keep(self) -> None:
        deaths = 0
        while (process := self._start()) is not None:
            started_s = monotonic_s()
            code = process.wait()
            if self._ended.is_set():
                return
            deaths = 1 if monotonic_s() - started_s > HEALTHY_S else deaths + 1
            pause_s = RESTART_PAUSES_S[min(deaths, len(RESTART_PAUSES_S)) - 1]
            logger.error(
                "the control worker ended with %d: started again in %.1f s",
                code,
                pause_s,
                extra={"action": "control_died", "code": code},
            )
            self._ended.wait(pause_s)

    def _start(self) -> subprocess.Popen[bytes] | None:
        with self._lock:
            if self._ended.is_set():
                return None
            # A new session: Ctrl-C in a terminal must reach only the parent, which decides when the child ends.
            environ = {name: value for name, value in os.environ.items() if name not in (*SECRETS, SOCKET_VARIABLE)}
            self._process = subprocess.Popen(self._argv, stdin=subprocess.PIPE, start_new_session=True, env=environ)
            _hand_over(self._process)
        logger.info("control worker started as pid %d", self._process.pid, extra={"action": "control_started"})
        return self._process


def _hand_over(process: subprocess.Popen[bytes]) -> None:
    secrets = {name: os.environ[name] for name in SECRETS if name in os.environ}
    if process.stdin is not None:
        with contextlib.suppress(OSError):  # it died at once, which is noticed and logged
            process.stdin.write(json.dumps(secrets).encode() + b"\n")
            process.stdin.flush()
