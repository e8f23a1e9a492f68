"""`python -m times_doctor_worker --local FOLDER`: the private worker of one scan on this machine.

The warden is forked before anything heavy is imported; then the imports run while the command line still reads the
model, and the plan is taken from `FOLDER/worker.json` as soon as it is there. Standard input is the lifeline.
"""

from __future__ import annotations

import sys

from times_doctor_worker.warden import start_warden

#: Seconds between looks for the plan; the imports before it take a hundred times as long.
PLAN_POLL_S = 0.005


def main() -> int:
    """Parses the two words of the command line and runs the worker."""
    if len(sys.argv) != 3 or sys.argv[1] != "--local":
        sys.stderr.write("usage: python -m times_doctor_worker --local FOLDER\n")
        return 2
    warden = start_warden()
    import select  # all of these: after the warden
    from pathlib import Path

    from times_doctor_tasks.messages import WorkerPlan, decode
    from times_doctor_worker import boot

    boot.configure_logging("INFO")
    path = Path(sys.argv[2]) / "worker.json"
    while not path.exists():
        lifeline, _, _ = select.select([0], [], [], PLAN_POLL_S)
        if lifeline:
            return 0  # the scan ended before it had a plan
    return boot.main(decode(path.read_bytes(), WorkerPlan), warden, lifeline_fd=0)


if __name__ == "__main__":
    sys.exit(main())
