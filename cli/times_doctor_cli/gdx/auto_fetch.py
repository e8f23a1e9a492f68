"""Fetches the recommended run's GDX automatically."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import redis

from times_doctor_cli.client.session import Client
from times_doctor_cli.gdx.download import GdxOutcome, files_of, gdx_path, not_taken, take
from times_doctor_cli.gdx.request import RESULTS, Asking, GdxStays, GdxStep, OnStep, Patience, how_to_get, where
from times_doctor_cli.gdx.veda_results import unpack, veda_folder
from times_doctor_tasks.config.atomic_file import replacing
from times_doctor_tasks.contract.clock import monotonic_s
from times_doctor_tasks.contract.errors import StoreFailed
from times_doctor_tasks.contract.messages import Report, RunResult
from times_doctor_tasks.state_store.gdx_requests import GDX_FILE, VEDA_FILE

#: The recommended run's GDX is fetched automatically up to this size, like other files.
UNASKED_BYTES = 50 * 1024 * 1024
#: Seconds that it may take in total, and that its host may be silent: the user did not ask for it.
UNASKED_S = 30.0
#: Seconds between checks for Ctrl-C, and to withdraw a request after it.
LOOK_S = 0.05
LEAVE_S = 1.0
UNASKED_PATIENCE = Patience(silent_s=10.0, gone_s=5.0, repeat_s=2.0)


class Unasked:
    """Fetches the recommended run's GDX with a scan's other files; a failure only adds a sentence.

    Call `begin` before the reports are written, `finish` when they are shown: the host works meanwhile. A separate
    thread does it all and is abandoned if it takes too long: the user did not ask for the file and must not wait for
    it, not even when a connection hangs.
    """

    def __init__(self, client: Client, report: Report, out: Path) -> None:
        self._client = client
        self._out = out
        self._run = recommended_run(report)
        self._outcomes: list[GdxOutcome] = []
        self._ended: list[str] = []
        self._shown = threading.Event()
        self._reason_to_stop = ""
        self._on_step: OnStep = _ignore
        self._telling = threading.Lock()
        self._thread = threading.Thread(target=self._bring, args=(self._run,), name="gdx", daemon=True)

    def begin(self) -> None:
        """Asks the host if there is a GDX. Returns at once: a report must not wait for it."""
        run = self._run
        if run is not None and run.engine == "gams" and not gdx_path(self._out, run).is_file():
            self._thread.start()

    def finish(self, on_step: OnStep, is_told_to_end: Callable[[], bool] = lambda: False) -> list[GdxOutcome]:
        """Waits briefly for it, and returns the outcome of the GDX and of the results for VEDA."""
        run = self._run
        if run is None or self._thread.ident is None:
            return []
        self._on_step = on_step
        self._shown.set()
        deadline_s = monotonic_s() + UNASKED_S
        try:
            while self._thread.is_alive() and monotonic_s() < deadline_s and not is_told_to_end():
                self._thread.join(LOOK_S)
            took_too_long = monotonic_s() >= deadline_s
        except KeyboardInterrupt:
            took_too_long = False
        if not self._thread.is_alive():
            return self._outcomes
        why = f"it takes longer than {UNASKED_S:.0f} s" if took_too_long else "you did not wait for it"
        return self._left(run, f"{why}. {how_to_get(run)}")

    def _left(self, run: RunResult, why: str) -> list[GdxOutcome]:
        """Abandons the thread: it withdraws its request and removes what it wrote, if its connection allows."""
        with self._telling:
            self._on_step = _ignore
        self._reason_to_stop = why
        self._thread.join(LEAVE_S)
        ended = list(self._ended)  # before the outcomes: a finished fetch has set its own
        done = list(self._outcomes)
        ended += [outcome.what for outcome in done]
        open_ones = [what for what in files_of(run) if what not in ended]
        return [*done, *(_lost(run, what, f"{where(run, what)}: {why}") for what in open_ones)]

    def _bring(self, run: RunResult) -> None:
        for what in files_of(run):
            if not self._reason_to_stop:
                self._bring_one(run, what)
                self._ended.append(what)

    def _bring_one(self, run: RunResult, what: str) -> None:
        patience, veda = UNASKED_PATIENCE, what == RESULTS
        try:
            with Asking(self._client, run, max_bytes=UNASKED_BYTES, patience=patience, veda=veda) as asking:
                self._shown.wait()  # nothing may go to the screen or the broker before the report
                answer = asking.wait(self._tell, lambda: self._reason_to_stop)
            outcome = take(self._client, run, what, answer, self._out, self._tell_of_reading)
        except GdxStays as stays:
            if not stays.is_lost:
                return
            outcome = _lost(run, what, str(stays))
        except (redis.RedisError, StoreFailed, OSError) as error:
            outcome = _lost(run, what, f"{not_taken(run, error, what)} {how_to_get(run)}")
        self._outcomes.append(outcome)

    def _tell(self, step: GdxStep) -> None:
        with self._telling:
            self._on_step(step)

    def _tell_of_reading(self, step: GdxStep) -> None:
        if self._reason_to_stop:
            raise GdxStays(self._reason_to_stop)
        self._tell(step)


def _ignore(_: GdxStep) -> None:
    """Shows nothing."""


def _lost(run: RunResult, what: str, why: str) -> GdxOutcome:
    return GdxOutcome(run.run, run.host or "", came=False, why=why, is_lost=True, what=what)


def recommended_run(report: Report) -> RunResult | None:
    """The recommended run of the report."""
    return next((run for run in report.runs if run.run == report.recommendation.run), None)


def keep_recommended_here(report: Report, out: Path) -> str:
    """Puts the recommended run's GDX of a local scan beside its other files. Returns a sentence if it fails."""
    run = recommended_run(report)
    source = Path(run.directory) / GDX_FILE if run is not None and run.directory else None
    if run is None or source is None or not source.is_file():
        return ""
    try:
        _link_or_copy(source, gdx_path(out, run))
    except OSError as error:
        return f"The GDX of {run.run} stays in {run.directory}: {error.strerror or error}."
    try:
        if run.veda:
            unpack(source.with_name(VEDA_FILE), run, veda_folder(out, run))
    except OSError as error:
        return f"The results for VEDA of {run.run} stay in {run.directory}: {error.strerror or error}."
    return ""


def _link_or_copy(source: Path, target: Path) -> None:
    """Links the file, which takes no time or space; copies it across file systems."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with replacing(target) as part:
        try:
            os.link(source, part)
        except OSError:
            shutil.copyfile(source, part)
