"""How a run ended: a verdict, with a sentence for the modeller and the next step.

The order of evidence: what stopped the engine (licence, compile error, ...), then the last solve. Return code 0 proves
nothing: an infeasible model, a crashed solver and a run without any solve all end with 0. A verdict needs proof: from
incomplete files we only know that the run did not finish.
"""

from __future__ import annotations

import msgspec

from times_doctor_tasks.contract.progress import Phase
from times_doctor_tasks.contract.states import StopReason, Verdict
from times_doctor_tasks.parsers.events import ErrorLine
from times_doctor_tasks.parsers.gams.licence_refusals import why_refused
from times_doctor_tasks.parsers.solves.endings import Judgement, solve_ending
from times_doctor_tasks.parsers.solves.solve import Solve


class Findings(msgspec.Struct, frozen=True):
    """The facts in log, listing and trace apart from the solves."""

    solver: str = ""
    """The solver that ran without GAMS, for people; empty under GAMS."""
    ended: bool = False
    """Some file shows that GAMS (or the bare engine) came to its own end."""
    gams_status: str | None = None
    """`Normal completion`, `Execution error(s)`, ... as the log has it."""
    last_phase: Phase | None = None
    licence: str | None = None
    """The line that says that the licence does not allow this run."""
    compile_errors: tuple[ErrorLine, ...] = ()
    execution_errors: tuple[ErrorLine, ...] = ()
    other_errors: tuple[ErrorLine, ...] = ()
    """Errors that are neither: the engine about its command line, files, the system."""
    solve_under_way: bool = False
    """A later solve had begun and no file shows its end."""
    left_out_bytes: int = 0
    """How much of the files' middle was not read."""

    @property
    def engine(self) -> str:
        """The engine's name, for a sentence."""
        return self.solver or "GAMS"

    @property
    def interrupted(self) -> bool:
        """GAMS was interrupted (Ctrl-C, SIGINT) outside of a solve."""
        texts = [error.text.lower() for error in self.execution_errors]
        return any("ctrlc" in text or "control c" in text for text in texts)


#: Signals that mean a crash of the program, by number.
_CRASHES = {4: "SIGILL", 6: "SIGABRT", 7: "SIGBUS", 8: "SIGFPE", 11: "SIGSEGV"}
_STOPS = {1: "SIGHUP", 2: "SIGINT", 3: "SIGQUIT", 9: "SIGKILL", 13: "SIGPIPE", 15: "SIGTERM", 24: "SIGXCPU"}
_SIGXFSZ = 25
#: GAMS's own return codes (as measured with GAMS 54; those over 255 arrive modulo 256), why, and the next step.
_GAMS_CODES: dict[int, tuple[Verdict, str, str]] = {
    2: (Verdict.COMPILE_ERROR, "GAMS could not compile the model", "Correct the first error in the listing."),
    3: (
        Verdict.EXECUTION_ERROR,
        "GAMS stopped with an execution error",
        "Look at the execution errors in the listing.",
    ),
    4: (Verdict.SOLVER_FAILURE, "GAMS reached one of its system limits", "Look at the end of the listing."),
    5: (Verdict.SOLVER_FAILURE, "GAMS could not read or write a file", "Check the disk and the rights on it."),
    6: (
        Verdict.SOLVER_FAILURE,
        "GAMS did not accept its command line",
        "Check solver name, paths and parameters; the log's first lines name the one it refused.",
    ),
    7: (
        Verdict.LICENCE,
        "The GAMS licence does not allow this run",
        "Renew or install a licence, or make the model fit its limits.",
    ),
    8: (
        Verdict.SOLVER_FAILURE,
        "GAMS had a system error, mostly a file it could not write",
        "Check free disk space and the log and listing paths.",
    ),
    9: (Verdict.SOLVER_FAILURE, "GAMS could not be started", "Check the GAMS installation on that host."),
    10: (Verdict.SOLVER_FAILURE, "GAMS ran out of memory", "Give the run more memory or fewer neighbours."),
    11: (Verdict.SOLVER_FAILURE, "GAMS ran out of disk space", "Free disk space on that host."),
    109: (
        Verdict.SOLVER_FAILURE,
        "GAMS could not create its scratch directory",
        "Check the rights on the run's working directory.",
    ),
    144: (
        Verdict.SOLVER_FAILURE,
        "GAMS's main program was killed or could not be started",
        "Check memory on that host and the GAMS installation.",
    ),
    145: (Verdict.SOLVER_FAILURE, "GAMS's working directory does not exist", "Check the run's working directory."),
    232: (Verdict.SOLVER_FAILURE, "GAMS could not be started", "Check the GAMS installation on that host."),
    **dict.fromkeys(
        (110, 112, 113, 114, 115),
        (
            Verdict.SOLVER_FAILURE,
            "GAMS could not use its scratch directory",
            "Check free space and rights in the run's working directory.",
        ),
    ),
}
#: What to do if a model file cannot be read.
WHOLE_FILE = (
    "Check that it is a whole MPS or LP file. Names with signs such as `-` need an .mps file: an .lp cannot hold them."
)
#: Return codes of the program that runs a solver without GAMS (`engines/native/adapter.py`).
_NATIVE_CODES: dict[int, tuple[Verdict, str, str]] = {
    2: (
        Verdict.COMPILE_ERROR,
        "{solver} could not read the model file",
        f"{WHOLE_FILE} The run's log holds what the solver says of it.",
    ),
    3: (
        Verdict.NOT_APPLIED,
        "{solver} did not accept its options, and nothing was solved",
        "Correct the line it names, by the names and values of the solver's manual.",
    ),
    4: (
        Verdict.LICENCE,
        "{solver}'s licence does not allow this run",
        "Renew that host's licence of it, or get one that allows this; or scan with HiGHS, which needs none.",
    ),
    5: (
        Verdict.SOLVER_FAILURE,
        "{solver} is not there or does not load",
        "Install it on that host (pip install '.[solvers]' in a clone of times-doctor) and restart its worker.",
    ),
}
#: GAMS's return code by a word of its status line.
_BY_STATUS_LINE = (
    ("normal completion", 0),
    ("licens", 7),
    ("compilation", 2),
    ("execution", 3),
    ("parameter", 6),
    ("system", 8),
    ("memory", 10),
)


def judge(
    solve: Solve | None,
    findings: Findings,
    *,
    returncode: int | None = None,
    stop_reason: StopReason | None = None,
) -> Judgement:
    """The verdict of a run whose last solve is `solve` (None: there was none).

    Args:
        findings: The facts apart from that solve.
        returncode: Of the engine's process, negative or 128 + n if a signal ended it; None if unknown.
        stop_reason: Why we stopped it; None if we did not.
    """
    ending = solve_ending(solve) if solve is not None and not findings.solve_under_way else None
    whole = _whole_run(findings, returncode)
    if findings.licence is not None and (ending is None or whole == 7 or ending.verdict is Verdict.LICENCE):
        return _from_code(4 if findings.solver else 7, findings, findings.licence)
    if findings.interrupted:
        return _ctrl_c(ending, stop_reason)
    if not findings.ended:
        return _cut_short(ending, findings, whole, returncode, stop_reason)
    if ending is not None and ending.verdict is not Verdict.EXECUTION_ERROR:
        return _with_answer(ending, findings, whole, stop_reason)
    if stop_reason is not None:
        return _stopped(stop_reason, ".")
    if ending is None and solve is not None and whole == 0:
        return _unknown_end(solve, findings)
    return _without_answer(ending, findings, whole, returncode)


def _whole_run(findings: Findings, returncode: int | None) -> int:
    """The engine's return code, or the one of its status line; 0 if all went well or nothing is known."""
    if returncode is not None and _signal(returncode) is None:
        return returncode
    return code_of_status(findings.gams_status) or 0


def code_of_status(status: str | None) -> int | None:
    """GAMS's return code, from its status line; None if unknown."""
    return next((code for word, code in _BY_STATUS_LINE if word in (status or "").lower()), None)


def _signal(returncode: int) -> int | None:
    """The signal that ended the process, from -n or a shell's 128 + n; GAMS's own codes are not signals."""
    if returncode < 0:
        return -returncode
    number = returncode - 128
    return (
        number if returncode not in _GAMS_CODES and (number in _CRASHES or number in _STOPS or number == 25) else None
    )


def _cut_short(
    ending: Judgement | None, findings: Findings, whole: int, returncode: int | None, stop_reason: StopReason | None
) -> Judgement:
    """The files are incomplete: the run was stopped or killed, or it is still running."""
    where = f" in phase {findings.last_phase.value!r}" if findings.last_phase is not None else ""
    before = f" The last solve that ended: {ending.sentence}" if ending is not None else ""
    if stop_reason is not None:
        return _stopped(stop_reason, f"{where}.{before}")
    if returncode is not None and (number := _signal(returncode)) is not None:
        return _signalled(number, f"{where}.{before}", findings.engine)
    if whole != 0:
        return _without_answer(None, findings, whole, returncode)
    if findings.solver == "CPLEX":
        words = "The log shows no result: CPLEX called from a program does not write there how it ended."
        return Judgement(Verdict.INTERRUPTED, words, "Ask that program for CPLEX's status, or scan the model file.")
    return Judgement(
        Verdict.INTERRUPTED,
        f"The files end{where or ' early'} before the run did, so they show no result.{before}",
        "If the run is over, it was cut off: run it again. If not, wait for its end.",
    )


def _told_to_stop(stop_reason: StopReason, ending: Judgement | None) -> Judgement:
    """We know why it was interrupted: of its messages only those about kept results matter."""
    words = "" if ending is None else ending.kept if ending.verdict is Verdict.INTERRUPTED else ending.sentence
    return _stopped(stop_reason, f". {words}" if words else ".")


def _stopped(stop_reason: StopReason, where: str) -> Judgement:
    verdict = Verdict.LIMIT if stop_reason in _LIMITS else Verdict.INTERRUPTED
    sentence, next_step = _STOPPED[stop_reason]
    return Judgement(verdict, f"{sentence}{where}", next_step)


_LIMITS = frozenset({StopReason.TIMEOUT, StopReason.OUT_OF_MEMORY, StopReason.LOG_TOO_LARGE})
_STOPPED: dict[StopReason, tuple[str, str]] = {
    StopReason.USER: ("Cancelled by a user", "Run it again if its result is wanted."),
    StopReason.TIMEOUT: ("Stopped at its time limit", "Give it more time (--timeout-seconds) or a faster profile."),
    StopReason.BEATEN: ("Stopped because another profile proved optimal first", "Nothing to do."),
    StopReason.CAPPED: ("Stopped because it took much longer than the best profile", "Nothing to do."),
    StopReason.OUT_OF_MEMORY: ("Stopped because memory ran out", "Give it more memory (--mem) or fewer threads."),
    StopReason.LOG_TOO_LARGE: (
        "Stopped because its log grew too large",
        "Let model and solver write less (DISPLAY, PUT, limrow, limcol, the solver's log level), or raise "
        "TIMES_DOCTOR_LOG_MAX_MB on that host.",
    ),
    StopReason.HOST_LOST: ("Its host went away", "It runs again elsewhere; check the host."),
    StopReason.SHUTDOWN: ("Its worker was shut down", "It goes back to the queue."),
}


def _signalled(number: int, where: str, engine: str) -> Judgement:
    if number == _SIGXFSZ:
        return Judgement(
            Verdict.SOLVER_FAILURE,
            f"Ended by SIGXFSZ: a file reached the size limit{where}",
            "Raise the file size limit (ulimit -f) or free disk space.",
        )
    if number in _CRASHES:
        return Judgement(
            Verdict.SOLVER_FAILURE,
            f"{engine} crashed ({_CRASHES[number]}){where}",
            f"Run it again; if it crashes again, try another version of {engine}.",
        )
    name = _STOPS.get(number, f"signal {number}")
    hint = " Out of memory is a common cause." if number == 9 else ""
    return Judgement(
        Verdict.INTERRUPTED,
        f"Killed from outside ({name}){where}",
        f"Find out who stopped it, then run it again.{hint}",
    )


def _ctrl_c(ending: Judgement | None, stop_reason: StopReason | None) -> Judgement:
    if stop_reason is not None:
        return _told_to_stop(stop_reason, ending)
    before = f" The last solve that ended: {ending.sentence}" if ending is not None else ""
    return Judgement(Verdict.INTERRUPTED, f"Interrupted (Ctrl-C) before the model's end.{before}", "Run it again.")


def _unknown_end(solve: Solve, findings: Findings) -> Judgement:
    if findings.left_out_bytes:
        return _unseen(findings)
    others = "" if findings.solver else ", and give the listing or the trace file with the log"
    return Judgement(
        Verdict.SOLVER_FAILURE,
        f"{solve.solver or 'The solver'} ended without a status that the files show: it was killed or it broke down.",
        f"Look at the log's last lines of that solve{others}.",
    )


def _unseen(findings: Findings) -> Judgement:
    return Judgement(
        Verdict.NO_SOLVE,
        f"{findings.engine} ran to its end, and what was read of its files shows no answer: "
        f"{findings.left_out_bytes:,} bytes in their middle were left out.",
        "Look for the solver's status in the whole file, or let the model write less and run it again.",
    )


def _without_answer(ending: Judgement | None, findings: Findings, whole: int, returncode: int | None) -> Judgement:
    if whole in _codes(findings):
        return _from_code(whole, findings)
    if whole != 0:
        return Judgement(
            Verdict.SOLVER_FAILURE,
            f"{findings.engine} ended with return code {returncode}.{_first(findings.other_errors)}",
            "Look at the log's last lines.",
        )
    if findings.execution_errors:
        return _from_code(3, findings)
    if ending is not None:
        return ending
    if findings.left_out_bytes:
        return _unseen(findings)
    if findings.solver:
        words = f"{findings.solver} ran to its end without solving anything."
        return Judgement(Verdict.NO_SOLVE, words, "Look at the log's last lines.")
    return Judgement(
        Verdict.NO_SOLVE,
        "GAMS ran to its end without solving anything.",
        "Check that the driver reaches its SOLVE statement ($exit, SOLVE_NOW, a compile-only run).",
    )


def _with_answer(ending: Judgement, findings: Findings, whole: int, stop_reason: StopReason | None) -> Judgement:
    is_stopped = ending.verdict in (Verdict.INTERRUPTED, Verdict.SOLVER_FAILURE)
    if stop_reason is StopReason.LOG_TOO_LARGE or (stop_reason is not None and is_stopped):
        return _told_to_stop(stop_reason, ending)
    if whole != 0 and ending.verdict in (Verdict.OPTIMAL, Verdict.FEASIBLE):
        after = _without_answer(None, findings, whole, whole)
        return Judgement(
            ending.verdict,
            f"{ending.sentence} After it: {after.sentence}",
            f"The solve is good, what the model writes after it may be missing. {after.next_step}",
        )
    return ending


def _from_code(code: int, findings: Findings, detail: str = "") -> Judgement:
    verdict, sentence, next_step = _codes(findings)[code]
    errors = {2: findings.compile_errors, 3: findings.execution_errors}.get(code, ())
    # The last of the others ended GAMS: it goes on after some errors.
    said = detail or _first(errors or findings.other_errors[-1:])
    if verdict is Verdict.LICENCE and not findings.solver and (refusal := why_refused(said)) is not None:
        sentence, next_step = refusal.what, refusal.next_step
    return Judgement(verdict, f"{sentence}: {said.strip().rstrip('.')}." if said else f"{sentence}.", next_step)


def _codes(findings: Findings) -> dict[int, tuple[Verdict, str, str]]:
    if not findings.solver:
        return _GAMS_CODES
    codes = _NATIVE_CODES.items()
    return {code: (verdict, words.format(solver=findings.solver), step) for code, (verdict, words, step) in codes}


def _first(errors: tuple[ErrorLine, ...]) -> str:
    """` text (file, line n)` of the first error, and how many more there are."""
    if not errors:
        return ""
    more = f" and {len(errors) - 1} more" if len(errors) > 1 else ""
    return f" {errors[0].words}{more}"
