"""The facts in an engine's log, as small typed events.

Every reader in this package turns text into these. They have no time: a log has no clock (CPLEX prints none on its
iterations), so the caller adds the time of arrival.
"""

from __future__ import annotations

import msgspec

from times_doctor_tasks.contract.progress import Phase


class LogEvent(msgspec.Struct, frozen=True):
    """One fact of a log."""


# --- GAMS around the solves ---------------------------------------------------------------------------------------


class JobStarted(LogEvent, frozen=True):
    """`--- Job scen.run Start 11/23/26 12:15:27 54.6.1 20a39885 LEX-LEG x86 64bit/Linux`.

    `nested`: the model itself called GAMS. Otherwise a log that goes on with another job was appended to (GAMS does
    that by default): the text before belongs to an earlier run.
    """

    job: str
    gams_version: str | None = None
    julian_date: float | None = None
    nested: bool = False


class JobStopped(LogEvent, frozen=True):
    """`--- Job scen.run Stop 11/23/26 12:15:27 elapsed 0:00:00.312`."""

    job: str
    elapsed_s: float | None = None
    nested: bool = False


class LeftOut(LogEvent, frozen=True):
    """`*** 123 bytes left out by times-doctor ***`: that text is unknown."""

    size_bytes: int


class PhaseStarted(LogEvent, frozen=True):
    """The engine's phase or detail changed. Sent once per change."""

    phase: Phase
    detail: str = ""


class Elapsed(LogEvent, frozen=True):
    """GAMS's clock: seconds since the job's start, printed on the line of the next event."""

    seconds: float


class SourcePosition(LogEvent, frozen=True):
    """`--- >> ppmain.mod(196) 3 Mb`: where in the model source GAMS is."""

    file: str
    line: int
    memory_mb: int


class SolveStarted(LogEvent, frozen=True):
    """`--- Generating LP model TIMES`: solve number `number` (from 1) of the run begins."""

    number: int
    model: str
    model_type: str


class ModelSize(LogEvent, frozen=True):
    """Rows, columns and nonzeros as generated, objective row and variable included where the engine counts them."""

    rows: int
    columns: int
    nonzeros: int


class DiscreteColumns(LogEvent, frozen=True):
    """`---   250 discrete-columns`: how many of the columns are integer."""

    count: int


class RangeStatistic(LogEvent, frozen=True):
    """Smallest and largest absolute non-zero finite value of `kind`: rhs, bound, matrix or objective."""

    kind: str
    minimum: float | None
    maximum: float | None


class SolverStarted(LogEvent, frozen=True):
    """`--- Executing CPLEX (Solvelink=2): elapsed 0:00:00.247`, or the first line of an engine without GAMS."""

    solver: str
    elapsed_s: float | None = None


class SolverVersion(LogEvent, frozen=True):
    """The solver's own name for itself and its version: `CPLEX`, `22.2.0.0`."""

    name: str
    version: str


class GamsStatus(LogEvent, frozen=True):
    """`*** Status: Normal completion`: GAMS's last status, which says nothing about the solves."""

    text: str


class SolveEnded(LogEvent, frozen=True):
    """`--- Reading solution for model TIMES`, or the solver's process is over: the solve has ended."""

    model: str = ""


class SolveAborted(LogEvent, frozen=True):
    """`*** SOLVE aborted`: GAMS did not hand the model to a solver."""

    text: str = ""


class ErrorLine(LogEvent, frozen=True):
    """An error in the log; with `file` and `line` if the log names them, `code` is GAMS's error number."""

    text: str
    file: str | None = None
    line: int | None = None
    code: int | None = None

    @property
    def words(self) -> str:
        """`text (file, line n)`, as far as its place is known."""
        at = ", ".join(part for part in (self.file or "", f"line {self.line}" if self.line else "") if part)
        return f"{self.text} ({at})" if at else self.text


class LicenceMessage(LogEvent, frozen=True):
    """Something about a licence. `fatal`: this run cannot go on with it (limit exceeded, expired, invalid)."""

    text: str
    fatal: bool


# --- Options ------------------------------------------------------------------------------------------------------


class OptionFileRead(LogEvent, frozen=True):
    """The solver opened its option file."""

    path: str


class OptionFileMissing(LogEvent, frozen=True):
    """The solver could not read its option file."""

    path: str
    why: str = ""


class OptionSet(LogEvent, frozen=True):
    """The solver accepted an option. `original` is the value in the file if the solver changed (clamped) it."""

    name: str
    value: str
    original: str | None = None


class OptionIgnored(LogEvent, frozen=True):
    """The solver skipped a line of the option file: `text` as in the file, `why` in the solver's words."""

    text: str
    why: str


class SolverParameter(LogEvent, frozen=True):
    """A setting that differs from the solver's default, as listed by the solver (`CPXPARAM_LPMethod 4`)."""

    name: str
    value: str


# --- Inside a solve -----------------------------------------------------------------------------------------------


class PresolvedSize(LogEvent, frozen=True):
    """The model after presolve."""

    rows: int
    columns: int
    nonzeros: int


class PhaseTime(LogEvent, frozen=True):
    """Seconds that the solver reports: `what` is presolve, barrier, crossover, total, ..."""

    what: str
    seconds: float


class SimplexIteration(LogEvent, frozen=True):
    """One simplex line.

    `label` as printed (`Dual objective`, `Infeasibility`, ...; empty where the table has no label), `flag` CPLEX's two
    flag letters (`sI`: scaled, infeasible). `infeasibility` if the line has one beside the value.
    """

    iteration: int
    label: str
    value: float
    flag: str = ""
    infeasibility: float | None = None


class BarrierIteration(LogEvent, frozen=True):
    """One row of an interior point table. A solver that does not print a column leaves it None."""

    iteration: int
    primal_objective: float
    dual_objective: float
    primal_infeasibility: float
    upper_infeasibility: float | None
    dual_infeasibility: float
    inf_ratio: float | None = None


class BarrierEnded(LogEvent, frozen=True):
    """The end of the interior point table (`Barrier time = 0.01 sec.`)."""

    seconds: float | None = None


class CrossoverStarted(LogEvent, frozen=True):
    """A stage of the crossover begins: `kind` is primal or dual, `total` the variables to push (None: not printed)."""

    kind: str
    total: int | None = None


class CrossoverMoves(LogEvent, frozen=True):
    """`28 PMoves:  Infeasibility 1.8e-12  Objective 4.17e+06`: pushes that remain in this stage."""

    kind: str
    remaining: int
    infeasibility: float | None = None
    objective: float | None = None


class CrossoverEnded(LogEvent, frozen=True):
    """The end of the crossover."""

    seconds: float | None = None


class SiftingIteration(LogEvent, frozen=True):
    """`Sifting iteration    2 [  285]:   Objective = 1074551350.79`; `columns` is the size of the small problem."""

    iteration: int
    columns: int | None
    label: str
    value: float


class FirstOrderIteration(LogEvent, frozen=True):
    """One row of a PDLP/PDHG table."""

    iteration: int
    primal_objective: float
    dual_objective: float
    primal_infeasibility: float | None = None
    dual_infeasibility: float | None = None


class MipNode(LogEvent, frozen=True):
    """One row of a branch-and-cut table; empty cells are None. `gap_rel` is 0.01 for 1 %."""

    nodes: int
    left: int
    incumbent: float | None
    best_bound: float | None
    gap_rel: float | None
    iterations: int | None = None


class Incumbent(LogEvent, frozen=True):
    """The solver announced a better integer solution."""

    value: float


class ConcurrentWinner(LogEvent, frozen=True):
    """`Dual simplex solved model.`: the winner among concurrent methods."""

    method: str


class ConflictLine(LogEvent, frozen=True):
    """A line of the conflict refiner's (IIS's) report: an equation or bound that takes part in the conflict.

    `kind` is equation, lower, upper, or empty where the report does not say.
    """

    text: str
    kind: str = ""


class ConflictStatus(LogEvent, frozen=True):
    """`--- Conflict Refiner status (31): minimal conflict`."""

    code: int | None
    text: str


class NumericalSign(LogEvent, frozen=True):
    """A sign of numerical trouble, or of its absence.

    `what`: `perturbation`, `pivot tolerance raised`, `condition number`, `unscaled primal infeasibility` and the like,
    else the solver's own line.
    """

    what: str
    value: float | None = None


class QualityFigure(LogEvent, frozen=True):
    """One error measure of the solution: `primal_residual`, `dual_infeasibility_rel`, `complementarity`."""

    name: str
    value: float


class SolverEnded(LogEvent, frozen=True):
    """The solver's own final status: `--- LP status (1): optimal.` gives kind LP, code 1, text `optimal`."""

    kind: str
    code: int | None
    text: str


class SolverStatuses(LogEvent, frozen=True):
    """`... Status: Normal (1) / Global Optimal (1)`: solver and model status in GAMS's codes."""

    solver_status: int
    model_status: int


class SolverMessage(LogEvent, frozen=True):
    """A sentence of the solver about its ending (`Resource limit exceeded`, `Row 'a' infeasible, ..`)."""

    text: str


class FinalObjective(LogEvent, frozen=True):
    """The objective value that the log reports at the end of a solve."""

    value: float


class FinalBound(LogEvent, frozen=True):
    """The best possible objective that the log reports at the end of a MIP solve."""

    value: float


class FinalIterations(LogEvent, frozen=True):
    """Total iterations (and nodes) at the end of a solve."""

    iterations: int | None
    nodes: int | None = None


class SolverTime(LogEvent, frozen=True):
    """`--- Cplex Time: 0.01sec (det. 16.94 ticks)`."""

    seconds: float
    ticks: float | None = None


class PeakMemory(LogEvent, frozen=True):
    """A memory figure in the log; `what` names its owner."""

    what: str
    megabytes: float
