"""A minimal worker: starts one engine, prints the pids, and how it ended. For tests that kill it.

python lone_worker.py '{"argv": [...], "cwd": "...", "env": {...}, "marker": "..."}'
"""

from __future__ import annotations

from times_doctor_worker.process.fork_server import start_warden

WARDEN = start_warden()

import json  # noqa: E402  as in a real worker, the warden comes before all else
import os  # noqa: E402
import sys  # noqa: E402

import psutil  # type: ignore[import-untyped]  # noqa: E402  has no stubs of its own


def main(order: dict[str, object]) -> None:
    """One line of JSON for the start, one for the end."""
    process = WARDEN.spawn(**order)  # type: ignore[arg-type]  # as the test wrote it
    children = psutil.Process(process.supervisor_pid).children()
    who = {
        "worker": os.getpid(),
        "warden": WARDEN.pid,
        "supervisor": process.supervisor_pid,
        "engine": process.pid,
        "sentinel": next(child.pid for child in children if child.pid != process.pid),
    }
    sys.stdout.write(json.dumps(who) + "\n")
    sys.stdout.flush()
    ended = process.wait()
    assert ended is not None
    sys.stdout.write(json.dumps({"returncode": ended.returncode, "why": ended.why}) + "\n")
    sys.stdout.flush()
    WARDEN.close()


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
