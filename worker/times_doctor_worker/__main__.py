"""`python -m times_doctor_worker`: a team's worker (see `service/options.py`), or the private one of a local scan.

`--local FOLDER`: the plan is read from `FOLDER/worker.json` once that exists; standard input is the lifeline. The
warden is forked before anything heavy is imported; the imports of a private worker then run while the command line
still reads the model.
"""

from __future__ import annotations

import gc
import sys

from times_doctor_worker.process.fork_server import Warden, start_warden
from times_doctor_worker.process.supervisor import keep_secrets

#: Seconds between looks for the plan; the imports before it take a hundred times as long.
PLAN_POLL_S = 0.005


def main() -> int:
    """Parses the command line and runs the worker."""
    gc.disable()  # imports make a hundred thousand objects and no garbage; collecting would take a tenth of the startup
    words = sys.argv[1:]
    warden = start_warden()
    keep_secrets()
    try:
        return _private(words[1], warden) if len(words) == 2 and words[0] == "--local" else _service(words, warden)
    except OSError as error:
        from times_doctor_tasks.contract.exit_codes import INFRASTRUCTURE

        sys.stderr.write(f"times-doctor: the worker cannot start: {error}\n")
        return INFRASTRUCTURE


def _private(folder: str, warden: Warden) -> int:
    import select  # all of these: after the warden
    from pathlib import Path

    from times_doctor_tasks.contract.hosts import WorkerPlan
    from times_doctor_tasks.contract.messages import decode
    from times_doctor_worker.service import worker
    from times_doctor_worker.service.logging_config import configure_logging

    configure_logging("INFO", who="worker")
    path = Path(folder) / "worker.json"
    while not path.exists():
        lifeline, _, _ = select.select([0], [], [], PLAN_POLL_S)
        if lifeline:
            return 0  # the scan ended before it had a plan
    _look_for_garbage()
    return worker.run_private(decode(path.read_bytes(), WorkerPlan), warden, lifeline_fd=0)


def _service(words: list[str], warden: Warden) -> int:
    import json
    import os
    from pathlib import Path

    from times_doctor_tasks.config.cache_dir import require_cache_folder
    from times_doctor_tasks.contract import exit_codes
    from times_doctor_tasks.contract.errors import TimesDoctorError
    from times_doctor_worker.service.logging_config import configure_logging
    from times_doctor_worker.service.options import read_words

    try:
        # A control worker beside a solve worker: settings that may hold a password come over its lifeline.
        handed = json.loads(sys.stdin.buffer.readline() or b"{}") if "--lifeline" in words else {}
        service = read_words(words, {**os.environ, **handed})
        require_cache_folder(Path(service.plan.cache_dir), service.cache_from)
        configure_logging(service.log_level, who=service.plan.card_name, form=service.log_format)
        from times_doctor_worker.service import worker  # heavy: only after the checks that can fail

        _look_for_garbage()
        return worker.run_service(service, warden)
    except TimesDoctorError as error:
        sys.stderr.write(f"times-doctor: {error}\n")
        return exit_codes.of_error(error)


def _look_for_garbage() -> None:
    """Turns garbage collection on, without the objects that will stay anyway."""
    gc.freeze()
    gc.enable()


if __name__ == "__main__":
    sys.exit(main())
