"""Reads all files of one run into one record.

Each file is read once, as a stream, whatever its size. A last line without its end was cut off and is left out: cut,
`MODEL STATUS 19` reads as `MODEL STATUS 1`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec
from msgspec.structs import replace

from times_doctor_tasks.contract.hosts import ENGINE_NAMES
from times_doctor_tasks.contract.states import SOLVED, StopReason, Verdict
from times_doctor_tasks.parsers.events import ErrorLine
from times_doctor_tasks.parsers.gams.listing import Listing, read_listing
from times_doctor_tasks.parsers.gams.log import GamsLogReader
from times_doctor_tasks.parsers.gams.log_phases import LogPhases, PhaseRecord
from times_doctor_tasks.parsers.gams.trace import TraceRow, read_trace
from times_doctor_tasks.parsers.highs.status import unread_model, with_final_answer, with_gams_codes
from times_doctor_tasks.parsers.native import LogReader, log_reader
from times_doctor_tasks.parsers.solves.digest import LogDigest, Options
from times_doctor_tasks.parsers.solves.endings import Judgement, solve_ending
from times_doctor_tasks.parsers.solves.merging import belong_together, merge_solves, rows_of_run, with_too_many
from times_doctor_tasks.parsers.solves.solve import Solve
from times_doctor_tasks.results.earlier_solves import with_earlier_solves
from times_doctor_tasks.results.log_text import lines_of, pieces
from times_doctor_tasks.results.long_files import ends
from times_doctor_tasks.results.run_files import RunFiles, native_solver
from times_doctor_tasks.results.verdicts import Findings, code_of_status, judge

#: Trace files are small; of a larger one only the two ends are read.
_TRACE_BYTES, _TRACE_END_BYTES = 16 << 20, 4 << 20
#: Verdicts of solves that may have an objective: a log may show one for others, too.
_WITH_OBJECTIVE = (*SOLVED, Verdict.LIMIT, Verdict.INTERRUPTED, None)
_MAX_MESSAGES = 50


class RunReading(msgspec.Struct, frozen=True):
    """The content of a run's files. None: unknown."""

    solves: tuple[Solve, ...]
    """Every solve, oldest first; of thousands the first and the last ones."""
    judgement: Judgement
    phases: tuple[PhaseRecord, ...] = ()
    gams_return: int | None = None
    """GAMS's return code as given, else the one of its status line."""
    gams_status: str | None = None
    """GAMS's last word, such as `Normal completion`."""
    gams_version: str | None = None
    elapsed_s: float | None = None
    """The whole job, by GAMS's own clock."""
    solver: str | None = None
    """The last solve's solver."""
    solver_version: str | None = None
    licence: str | None = None
    """Why the licence does not allow this run, or what kind of licence it ran with."""
    messages: tuple[str, ...] = ()
    """Errors and warnings worth a look, each once."""
    options_set: tuple[tuple[str, str], ...] = ()
    """Option and value, as the solver took them."""
    options_ignored: tuple[tuple[str, str], ...] = ()
    """Line of the option file and why the solver skipped it."""
    options_clamped: tuple[tuple[str, str, str], ...] = ()
    """Option, the value the solver took, the value that was asked for."""
    option_file_read: bool | None = None
    option_file: str | None = None
    """The option file that was read, or could not be."""
    conflict: tuple[str, ...] = ()
    """The conflict (IIS) of the last solve, equations first."""
    compile_errors: tuple[ErrorLine, ...] = ()
    execution_errors: tuple[ErrorLine, ...] = ()
    peak_mb: dict[str, float] = msgspec.field(default_factory=dict)
    """Memory figures that the log prints, by whose they are (`GAMS`, `GMO`, `CPLEX link`)."""
    complete: bool = False
    """Some file shows that the run came to its end."""
    left_out_bytes: int = 0
    """Bytes in the middle of its files that were not read: missing facts may be there."""

    @property
    def verdict(self) -> Verdict:
        """The verdict of the run."""
        return self.judgement.verdict

    @property
    def last_solve(self) -> Solve | None:
        """The solve that the verdict is about."""
        return self.solves[-1] if self.solves else None


def read_run(files: RunFiles, *, stop_reason: StopReason | None = None) -> RunReading:
    """Read a run's files. Missing files are ignored; a native solver's log is recognised by its lines.

    Raises:
        OSError: A file exists but cannot be read.
    """
    if files.log is not None and files.log.is_file() and (solver := native_solver(files.log)):
        return read_native_run(files.log, solver, returncode=files.returncode, stop_reason=stop_reason)
    digest, phases = _read_log(files.log, GamsLogReader)
    listing, stranger = _read_listing(files.listing), files.of_another_job
    logged = digest.solves()
    whole = not digest.left_out_bytes and not (listing is not None and listing.left_out_bytes)
    if whole and listing is not None and digest.gams_status and not belong_together(logged, listing.solves):
        listing, stranger = None, files.listing
    rows = _read_trace(files.trace)
    started = digest.job.julian_date if digest.job is not None else None
    listed = listing or Listing()
    all_listed = listed.complete and not listed.left_out_bytes
    rows = rows_of_run(rows, started=started, solves=len(listed.solves) if all_listed else None)
    odd = with_too_many(logged, listed.solves, rows) if digest.gams_status and listed.complete else ""
    if odd == "listing":
        listed = Listing(complete=True, left_out_bytes=listed.left_out_bytes)
    elif odd == "log":
        logged = _as_many(logged, len(rows))
    elif odd == "trace":
        rows = []
    ended = _ended(files, digest, listing, rows)
    solves = _with_verdicts(merge_solves(logged, listed.solves, rows, listing_complete=listed.complete))
    under_way = not ended and (digest.solve_under_way or listed.solve_begun) and not (solves and solves[-1].ended)
    findings = _findings(digest, listed, ended=ended, solve_under_way=under_way)
    if ended and len(solves) > 1 and (not solves[-1].ended or (solves[-1].aborted and findings.interrupted)):
        # GAMS stopped while it generated another model: that one does not count.
        solves = solves[:-1]
    judgement = judge(solves[-1] if solves else None, findings, returncode=files.returncode, stop_reason=stop_reason)
    judgement = with_earlier_solves(judgement, solves)
    reading = _reading(digest, listed, phases, solves, judgement, returncode=files.returncode, complete=ended)
    said = [f"{stranger.name} is of another job and was not read."] if stranger is not None else []
    said += [f"The {odd} shows solves that the run's other files do not: its solves do not count."] if odd else []
    return replace(reading, messages=(*said, *reading.messages))


def read_native_run(
    log: Path | None,
    solver: str = "highs",
    *,
    returncode: int | None = None,
    stop_reason: StopReason | None = None,
    final: Mapping[str, Any] | None = None,
) -> RunReading:
    """Read the log of a native solver; its `final` answer decides, or else the log's last status."""
    digest, phases = _read_log(log, lambda: log_reader(solver))
    final = final or {}
    found = with_final_answer(digest.solves(), final, solver)
    unread = unread_model(found[-1] if found else None, digest.errors)
    solves = tuple(
        solve if solve.verdict in _WITH_OBJECTIVE else replace(solve, objective=None, bound=None, gap_rel=None)
        for solve in _with_verdicts(tuple(with_gams_codes(solve, digest.errors) for solve in found))
    )
    ended = digest.solver_ended or bool(final.get("model_status") and found)
    findings = Findings(
        solver=ENGINE_NAMES.get(solver, solver.upper()),
        ended=ended,
        last_phase=digest.last_phase,
        # The solve program's message has the model's size; the solver's own lines do not.
        licence=None if final.get("why") else digest.licence,
        other_errors=(ErrorLine(final["why"]),) if final.get("why") else tuple(digest.errors),
        solve_under_way=digest.solve_under_way and not ended,
        left_out_bytes=digest.left_out_bytes,
    )
    if unread is not None:
        other = replace(solves[-1], objective=None, bound=None, gap_rel=None, verdict=unread.verdict)
        solves = (*solves[:-1], other)
    last = solves[-1] if solves else None
    judgement = unread or judge(last, findings, returncode=returncode, stop_reason=stop_reason)
    judgement = with_earlier_solves(judgement, solves)
    # Errors while the solver read the model, like GAMS's compile errors.
    said = Listing(compile_errors=findings.other_errors if judgement.verdict is Verdict.COMPILE_ERROR else ())
    return _reading(digest, said, phases, solves, judgement, returncode=returncode, complete=ended)


def to_json(reading: RunReading) -> dict[str, object]:
    """The document of `report --json`: plain types, absent facts as null."""
    judgement = reading.judgement
    document: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(reading))
    del document["judgement"]
    for solve, record in zip(reading.solves, document["solves"], strict=True):
        record["phase_seconds"] = dict(solve.phase_seconds)
        record["quality"] = dict(solve.quality)
    return document | {
        "verdict": str(judgement.verdict),
        "sentence": judgement.sentence,
        "next_step": judgement.next_step,
        "options_set": [{"name": name, "value": value} for name, value in reading.options_set],
        "options_ignored": [{"line": line, "why": why} for line, why in reading.options_ignored],
        "options_clamped": [
            {"name": name, "value": value, "asked_for": asked} for name, value, asked in reading.options_clamped
        ],
    }


def _read_log(path: Path | None, make_reader: Callable[[], LogReader]) -> tuple[LogDigest, LogPhases]:
    digest, phases = LogDigest(), LogPhases()
    if path is not None and path.is_file():
        reader = make_reader()
        for text in pieces(path):
            events = reader.feed(text)
            digest.add(events)
            phases.add(events)
        events = reader.close()
        digest.add(events)
        phases.add(events)
    return digest, phases


def _read_listing(path: Path | None) -> Listing | None:
    if path is None or not path.is_file():
        return None
    return read_listing(lines_of(path))


def _read_trace(path: Path | None) -> list[TraceRow]:
    if path is None or not path.is_file():
        return []
    return read_trace(ends(path, whole_bytes=_TRACE_BYTES, end_bytes=_TRACE_END_BYTES).decode("utf-8", "replace"))


def _ended(files: RunFiles, digest: LogDigest, listing: Listing | None, rows: list[TraceRow]) -> bool:
    """Whether a file shows the run's end: the log's status line or the listing's file summary.

    The trace has no end mark, so it proves the end only if there is no other file and GAMS's return code is known.
    """
    if digest.gams_status is not None or (listing is not None and listing.complete):
        return True
    has_other = any(path is not None and path.is_file() for path in (files.log, files.listing))
    return not has_other and (bool(rows) or files.returncode == 0) and (files.returncode or 0) >= 0


def _as_many(solves: tuple[Solve, ...], count: int) -> tuple[Solve, ...]:
    """Those that came to an end, where these are `count`; else none."""
    ended = tuple(solve for solve in solves if solve.ended and not solve.aborted)
    return ended if len(ended) == count else ()


def _findings(digest: LogDigest, listing: Listing, *, ended: bool, solve_under_way: bool) -> Findings:
    compile_errors = listing.compile_errors or tuple(error for error in digest.errors if error.code is not None)
    execution = listing.execution_errors or tuple(
        error for error in digest.errors if error.code is None and error.line is not None
    )
    return Findings(
        ended=ended,
        gams_status=digest.gams_status or listing.gams_status,
        last_phase=digest.last_phase,
        licence=digest.licence or listing.licence,
        compile_errors=compile_errors,
        execution_errors=execution,
        other_errors=tuple(error for error in digest.errors if error.code is None and error.line is None),
        solve_under_way=solve_under_way,
        left_out_bytes=digest.left_out_bytes + listing.left_out_bytes,
    )


def _with_verdicts(solves: tuple[Solve, ...]) -> tuple[Solve, ...]:
    judged = []
    for solve in solves:
        ending = solve_ending(solve) if solve.ended or solve.lp_status_text else None
        verdict = ending.verdict if ending is not None else None
        judged.append(replace(solve, verdict=verdict, basis=solve.basis if verdict in SOLVED else None))
    return tuple(judged)


def _reading(
    digest: LogDigest,
    listing: Listing,
    phases: LogPhases,
    solves: tuple[Solve, ...],
    judgement: Judgement,
    *,
    returncode: int | None,
    complete: bool,
) -> RunReading:
    options = _options(digest.options, listing.options)
    last = solves[-1] if solves else None
    peaks = dict(digest.peaks_mb)
    if digest.gams_memory_mb is not None:
        peaks["GAMS"] = float(digest.gams_memory_mb)
    return RunReading(
        solves=solves,
        judgement=judgement,
        phases=phases.records(),
        gams_return=returncode if returncode is not None else code_of_status(digest.gams_status),
        gams_status=digest.gams_status,
        gams_version=(digest.job.gams_version if digest.job is not None else None) or listing.gams_version,
        elapsed_s=digest.elapsed_s,
        solver=last.solver if last is not None else None,
        solver_version=last.solver_version if last is not None else None,
        licence=digest.licence or listing.licence or digest.licence_note,
        messages=_messages(digest, listing, last),
        options_set=tuple(options.taken),
        options_ignored=tuple(options.ignored),
        options_clamped=tuple(options.clamped),
        option_file_read=options.file_read,
        option_file=options.read or options.missing,
        conflict=last.conflict if last is not None else (),
        compile_errors=listing.compile_errors or tuple(error for error in digest.errors if error.code is not None),
        execution_errors=listing.execution_errors,
        peak_mb=peaks,
        complete=complete,
        left_out_bytes=digest.left_out_bytes + listing.left_out_bytes,
    )


def _options(log: Options, listing: Options) -> Options:
    """The log's, or else the listing's."""
    return log if log.taken or log.ignored or log.file_read is not None else listing


def _messages(digest: LogDigest, listing: Listing, last: Solve | None) -> tuple[str, ...]:
    texts: dict[str, None] = {}
    for file, size_bytes in (("log", digest.left_out_bytes), ("listing", listing.left_out_bytes)):
        if size_bytes:
            texts[f"Of the {file} {size_bytes:,} bytes in its middle were left out; their content is unknown."] = None
    for error in (*digest.errors, *listing.compile_errors, *listing.execution_errors):
        texts[error.words] = None
    for text in last.explanations if last is not None else ():
        texts[text] = None
    for line, why in digest.options.ignored:
        texts[f"option ignored: {line}: {why}"] = None
    return tuple(texts)[:_MAX_MESSAGES]
