"""The recommended run's GDX, which comes by itself."""

from __future__ import annotations

import contextlib
import os
import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import redis

from times_doctor_cli.client import Client
from times_doctor_cli.gdx_asking import Asking, GdxStays, GdxStep, OnStep, Patience, how_to_get, where
from times_doctor_cli.gdx_files import GdxOutcome, came, gdx_path, not_taken, take
from times_doctor_tasks.clock import monotonic_s
from times_doctor_tasks.errors import StoreFailed
from times_doctor_tasks.gdx_requests import GDX_FILE
from times_doctor_tasks.messages import Report, RunResult

#: The recommended run's GDX comes by itself up to this size: as large as any other file that does.
UNASKED_BYTES = 50 * 1024 * 1024
#: Seconds that it may take all in all, and that its host may be silent: nobody asked for it.
UNASKED_S = 30.0
UNASKED_PATIENCE = Patience(silent_s=10.0, gone_s=5.0, repeat_s=2.0)


class Unasked:
    """The recommended run's GDX, which comes beside a scan's other files; whatever fails costs a sentence.

    `begin` before the reports are written, `finish` when they are shown: the host works meanwhile.
    """

    def __init__(self, client: Client, report: Report, out: Path) -> None:
        self._client = client
        self._out = out
        self._run = recommended_run(report)
        self._asking: Asking | None = None
        self._open = contextlib.ExitStack()
        self._why = ""
        self._begun = threading.Thread(target=self._ask, args=(self._run,), name="gdx", daemon=True)

    def begin(self) -> None:
        """Asks the host, if there is anything to ask for. Returns at once: a report must not wait for it."""
        run = self._run
        if run is not None and run.engine == "gams" and not gdx_path(self._out, run).is_file():
            self._begun.start()

    def _ask(self, run: RunResult) -> None:
        try:
            asking = Asking(self._client, run, max_bytes=UNASKED_BYTES, patience=UNASKED_PATIENCE)
            self._asking = self._open.enter_context(asking)
        except GdxStays as stays:
            self._why = str(stays) if stays.is_lost else ""
        except redis.RedisError as error:
            self._why = self._failed(run, error)

    def finish(self, on_step: OnStep, is_told_to_end: Callable[[], bool] = lambda: False) -> GdxOutcome | None:
        """Waits for it, not for long, and says what became of it; None where there is nothing to say."""
        run = self._run
        if run is None or self._begun.ident is None:
            return None
        try:
            self._begun.join(UNASKED_S)
            if self._asking is not None:
                return self._finish(run, self._asking, on_step, is_told_to_end)
        except GdxStays as stays:
            self._why = str(stays) if stays.is_lost else ""
        except KeyboardInterrupt:
            self._why = f"{where(run)}: you did not wait for it. {how_to_get(run)}"
        except (redis.RedisError, StoreFailed, OSError) as error:
            self._why = self._failed(run, error)
        return GdxOutcome(run.run, run.host or "", came=False, why=self._why, is_lost=True) if self._why else None

    def _finish(
        self, run: RunResult, asking: Asking, on_step: OnStep, is_told_to_end: Callable[[], bool]
    ) -> GdxOutcome:
        target = gdx_path(self._out, run)
        deadline_s = monotonic_s() + UNASKED_S

        def reason_to_stop() -> str:
            if is_told_to_end():
                return f"you did not wait for it. {how_to_get(run)}"
            return f"it takes longer than {UNASKED_S:.0f} s. {how_to_get(run)}" if monotonic_s() > deadline_s else ""

        def on_read(step: GdxStep) -> None:
            if why := reason_to_stop():
                raise GdxStays(f"{where(run)}: {why}")
            on_step(step)

        with self._open:
            answer = asking.wait(on_step, reason_to_stop)
        take(self._client, run, answer, target, on_read)
        return came(run, answer, target)

    @staticmethod
    def _failed(run: RunResult, error: Exception) -> str:
        return f"{not_taken(run, error)} {how_to_get(run)}"


def recommended_run(report: Report) -> RunResult | None:
    """The run that the report recommends."""
    return next((run for run in report.runs if run.run == report.recommendation.run), None)


def keep_recommended_here(report: Report, out: Path) -> str:
    """After a scan on this machine: the recommended run's GDX beside its other files. A sentence where it cannot be."""
    run = recommended_run(report)
    source = Path(run.directory) / GDX_FILE if run is not None and run.directory else None
    if run is None or source is None or not source.is_file():
        return ""
    try:
        _link_or_copy(source, gdx_path(out, run))
    except OSError as error:
        return f"The GDX of {run.run} stays in {run.directory}: {error.strerror or error}."
    return ""


def _link_or_copy(source: Path, target: Path) -> None:
    """A link takes no time and no room, whatever the size; across file systems it is a copy."""
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        try:
            os.link(source, part)
        except OSError:
            shutil.copyfile(source, part)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
