"""The data on the wire: task messages, documents and events.

Task messages are strict: an unknown field or another schema major is an error, because acting on a partly understood
message is worse than refusing it. Documents and events ignore unknown fields, so that hosts can be upgraded one by one.
All times are milliseconds since 1970 on the clock of the writer, unless a name says otherwise.
"""

from __future__ import annotations

from typing import Annotated, Any, TypeVar

import msgspec

from times_doctor_tasks.contract.errors import SchemaMismatch
from times_doctor_tasks.contract.fingerprint import Fingerprint
from times_doctor_tasks.contract.limits import ATTEMPTS, GRACE_S, LEASE_S, STOP_CAP_S
from times_doctor_tasks.contract.progress import Progress
from times_doctor_tasks.contract.states import RunState, ScanMode, StopReason, Verdict

#: Major version of every message and document. A host registers the majors it speaks.
SCHEMA = 1
#: Majors this version reads.
SPOKEN_SCHEMAS: frozenset[int] = frozenset({SCHEMA})
#: Option files beyond this are refused, in bytes: CPLEX's whole manual of options is a tenth of it.
MAX_OPTION_BYTES = 64 * 1024

#: A scan, run, solver or engine in keys, queues and file names on a host: no characters that could lead out of a
#: folder, because writers to the broker are not trusted.
Id = Annotated[str, msgspec.Meta(pattern=r"^\w[\w.+@-]{0,199}\Z")]
SolverName = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z]\w{0,39}\Z")]
OptionText = Annotated[str, msgspec.Meta(max_length=MAX_OPTION_BYTES)]


class TaskMessage(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Arguments of a Celery task."""

    schema: int = SCHEMA


class SolveTask(TaskMessage, frozen=True, kw_only=True):
    """Run one run. Everything else is in its documents."""

    scan: Id
    run: Id


class AggregateTask(TaskMessage, frozen=True, kw_only=True):
    """Make the report of one scan."""

    scan: Id


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """A document in Redis that another version may read. It always has its schema major."""

    schema: int = SCHEMA


class VedaResults(Document, frozen=True, kw_only=True):
    """Files for VEDA made of a GDX by `gdx2veda`: their name without `.vd`; where the snapshot has the `.vdd`."""

    name: Annotated[str, msgspec.Meta(pattern=r"^\w[\w.+@~ ()-]{0,199}\Z")]
    definition: str


class RunSpec(Document, frozen=True, kw_only=True):
    """One (solver, profile, repeat) of a scan, as requested by the client."""

    scan: Id
    run: Id
    """`<solver>.<profile>` or `<solver>.<profile>.<n>`."""
    index: int  # place in the scan, from 0
    engine: SolverName
    """"gams", or the solver that runs without it: "highs", "cplex"."""
    solver: SolverName
    profile: str
    options: OptionText
    """Text of the solver's option file, exactly as it will be written."""
    repeat: int = 1
    origin: str = "built in"
    """Where the profile comes from: "built in" or a path as the user knows it."""
    threads: int = 1
    mem_mb: int | None = None  # that it asks for; None: unknown
    timeout_s: float | None = None
    wait_licence_s: float = 0.0  # how long it waits in line where a licence is refused at its start
    iis_s: float = 60.0
    """Seconds for the search which rows of an infeasible model contradict each other; 0: none."""
    interior: bool = False
    """The profile ends without crossover: its solution is not a vertex."""
    baseline: bool = False
    """The others are measured against it (`current`)."""
    queue: str = ""
    priority: int = 5
    """Step of its message, 0 first .. 9 last: rounds of its owner's own runs that go before it (`fair_order.py`)."""
    expected_s: float | None = None  # that earlier runs took
    expected_mb: int | None = None  # peak memory of earlier runs; reserved unless `mem_mb` is set
    reused: RunResult | None = None
    """The result of an earlier run with the same inputs, used instead of a solve (`--resume`)."""
    veda: VedaResults | None = None

    @property
    def needed_mb(self) -> int:
        """The memory to reserve: as requested, else as it took before; 0: unknown."""
        return self.mem_mb or self.expected_mb or 0

    @classmethod
    def stand_in(cls, scan: str, run: str, index: int) -> RunSpec:
        """For a run whose own document is missing or unreadable: made from its id."""
        solver, _, profile = run.partition(".")
        return cls(scan=scan, run=run, index=index, engine="", solver=solver, profile=profile, options="")


class ModelRef(Document, frozen=True, kw_only=True):
    """The model of a scan."""

    title: str
    """Its name for users: the driver's stem."""
    run_dir: str
    """Its path on the client, for users; no host ever opens it."""
    snapshot: str
    """sha256 of the manifest; the manifest is a blob under that name."""
    driver: str
    files: int = 0
    size_bytes: int = 0
    fingerprint: Fingerprint | None = None


class RoundPlan(Document, frozen=True, kw_only=True):
    """How a scan continues when its runs have ended (`celery_app/rounds.py`)."""

    planner: str  # which one chooses the next round
    seed: str = ""  # its random seed
    budget_s: float | None = None
    """Seconds of solving for all rounds together; None: the planner's default."""


class ScanSpec(Document, frozen=True, kw_only=True):
    """One request: a model x a list of profiles, with a mode and limits."""

    scan: Id
    created_ms: int
    mode: ScanMode
    model: ModelRef
    runs: tuple[Id, ...]
    client: str = ""  # user@host of the client
    priority: int = 5  # among the same user's scans only; 0 first .. 9 last
    lease_s: Annotated[float, msgspec.Meta(ge=LEASE_S[0], le=LEASE_S[1])] = 30.0
    max_attempts: Annotated[int, msgspec.Meta(ge=ATTEMPTS[0], le=ATTEMPTS[1])] = 3
    grace_s: Annotated[float, msgspec.Meta(ge=GRACE_S[0], le=GRACE_S[1])] = 60.0
    stop_cap_s: Annotated[float, msgspec.Meta(ge=STOP_CAP_S[0], le=STOP_CAP_S[1])] = 900.0
    race: bool = False
    cap_factor: float | None = None
    objective_tol_rel: float = 1e-6
    """Largest relative difference of objectives between vertex solutions that still counts as agreement."""
    interior_tol_rel: float = 1e-5  # the same where one of the two is an interior solution
    rounds: RoundPlan | None = None  # None: there are no further rounds
    reused: tuple[str, ...] = ()
    """Runs that are not started: the specification of each has the result of an earlier run with the same inputs."""
    notify: str = ""  # the name to tell; "none": nobody; empty: the default of `client`, which control knows
    packs: bool = False  # the client reads a packed report, and results from it: their own keys go


class SolveRecord(Document, frozen=True, kw_only=True):
    """One SOLVE of a run, from trace, listing and log."""

    solver: str | None = None
    model: str | None = None
    model_type: str | None = None
    model_status: int | None = None
    model_status_text: str | None = None
    solver_status: int | None = None
    solver_status_text: str | None = None
    objective: float | None = None
    bound: float | None = None
    iterations: int | None = None
    nodes: int | None = None
    rows: int | None = None
    columns: int | None = None
    nonzeros: int | None = None
    solver_time_s: float | None = None
    maximise: bool | None = None
    verdict: Verdict | None = None


class PhaseSpan(Document, frozen=True, kw_only=True):
    """When a phase ran, in seconds after the engine started."""

    phase: str
    start_s: float
    end_s: float


class CurvePoint(Document, frozen=True, kw_only=True):
    """One point of a convergence curve."""

    t_s: float
    objective: float | None = None
    residual: float | None = None
    """Relative gap where the solver prints one, else the largest infeasibility."""


class Artefact(Document, frozen=True, kw_only=True):
    """A file of a run, in the blob store."""

    name: str
    sha256: str
    size_bytes: int
    kept_bytes: int
    """Smaller than `size_bytes` if only the beginning and the end are stored."""


class AttemptRecord(Document, frozen=True, kw_only=True):
    """One attempt of a run on one host."""

    attempt: int
    host: str
    start_ms: int
    end_ms: int | None = None
    ended_as: str = ""


class RunResult(Document, frozen=True, kw_only=True):
    """How a run ended. Written once, by the owner of the run."""

    scan: str
    run: str
    engine: str
    solver: str
    profile: str
    state: RunState
    attempt: int = 0
    host: str | None = None
    verdict: Verdict | None = None
    stop_reason: StopReason | None = None
    stopped_by: str = ""
    """Who cancelled it, as user@host; empty if it was not cancelled, or by an older client."""
    sentence: str = ""  # what happened, for a modeller
    next_step: str = ""  # what to do about it; empty if nothing
    model_status: int | None = None
    model_status_text: str | None = None
    solver_status: int | None = None
    solver_status_text: str | None = None
    lp_status: str | None = None
    objective: float | None = None
    bound: float | None = None
    iterations: int | None = None
    nodes: int | None = None
    rows: int | None = None
    columns: int | None = None
    nonzeros: int | None = None
    presolved_rows: int | None = None  # the size after presolve, if the log has it
    presolved_columns: int | None = None
    presolved_nonzeros: int | None = None
    matrix_min: float | None = None
    matrix_max: float | None = None
    basis: str | None = None
    """"vertex" (vertex duals), "interior" (no crossover), None where there is no solution."""
    numerics: dict[str, float] = {}
    """Signs of numerical trouble by name, e.g. max_unscaled_infeasibility, refactorings."""
    quality: dict[str, float] = {}
    """The errors of the solution, by the solver's own figures: primal_residual, dual_residual, complementarity and
    gap, absolute and relative (`_rel`), with the requested primal_tolerance, dual_tolerance and gap_tolerance."""
    solves: tuple[SolveRecord, ...] = ()
    """The last 20 solves, oldest first."""
    solve_count: int = 0
    solver_time_s: float | None = None
    """Seconds the solver says it used in its last solve."""
    queued_ms: int | None = None
    claimed_ms: int | None = None
    started_ms: int | None = None
    """Engine started."""
    ended_ms: int | None = None
    """Engine ended."""
    finished_ms: int | None = None
    runtime_s: float | None = None
    """Wall seconds of the engine, from its start to its end."""
    cpu_s: float | None = None
    """User and system seconds of the engine's whole process tree, exact; None if its end was not seen."""
    run_delay_s: float | None = None
    """Seconds that its threads were ready and waited for a core, sampled; None where the system does not say."""
    load_1m: float | None = None  # load average of its host at its start
    phases: tuple[PhaseSpan, ...] = ()
    curve: tuple[CurvePoint, ...] = ()
    peak_memory_mb: float | None = None
    threads: int | None = None
    applied: bool | None = None
    """Whether the profile was really used; None if unknown."""
    options_ignored: tuple[str, ...] = ()
    options_clamped: tuple[str, ...] = ()
    conflict: tuple[str, ...] = ()
    """Lines of the irreducible infeasible set, where one was computed."""
    messages: tuple[str, ...] = ()
    """Important errors and warnings, with file and line."""
    returncode: int | None = None
    engine_version: str | None = None
    solver_version: str | None = None
    licence: str | None = None
    artefacts: tuple[Artefact, ...] = ()
    directory: str | None = None
    """Working directory on the host."""
    veda: str | None = None  # name of the results for VEDA that were made of its GDX
    attempts: tuple[AttemptRecord, ...] = ()
    reused_from: str = ""
    """Id of the scan that this result was taken from (`--resume`); empty where the run was run."""

    @classmethod
    def of(cls, run: RunSpec, state: RunState) -> RunResult:
        """The result of a run in `state`, made from its request alone."""
        return cls(scan=run.scan, run=run.run, engine=run.engine, solver=run.solver, profile=run.profile, state=state)


class Comparison(Document, frozen=True, kw_only=True):
    """Whether the runs of a scan agree."""

    agree: bool
    reference_objective: float | None = None
    """Objective of the first optimal vertex solution (else of the first optimal run)."""
    largest_difference_rel: float | None = None
    findings: tuple[str, ...] = ()
    """One sentence per disagreement, naming both runs and both figures."""


class Contender(Document, frozen=True, kw_only=True):
    """A profile that could have been recommended, with all its repeats, compared with the fastest profile."""

    profile: str
    """`<solver>.<profile>`."""
    runs: tuple[str, ...]
    """Ids of the runs whose times count."""
    same_path: tuple[str, ...] = ()
    """Other profiles that did exactly the same work; they are not listed separately."""
    time_s: float
    """Geometric mean of its times, by `Recommendation.compared_by`, as if it had run in every round."""
    low_s: float
    high_s: float
    """The least and the largest of its times, made comparable in the same way."""
    pace: str
    """"fastest", "as fast", "too close to call" or "slower"."""
    ratio: float
    """How many times as long as the fastest it takes."""
    ratio_low: float
    ratio_high: float
    """The 95 % interval of `ratio`."""
    speed: float | None = None
    """How many times as fast as `Recommendation.against` it is; None if not decided."""


class Recommendation(Document, frozen=True, kw_only=True):
    """Which profile to use and why."""

    run: str | None
    """The run whose files represent the recommended profile; None if there is none, and the reasons say why."""
    reasons: tuple[str, ...]
    runner_up: str | None = None
    """The run that represents the second-best profile."""
    speedup: float | None = None
    """Time of `against` divided by the recommended one's; None if not decided."""
    profile: str | None = None
    """`<solver>.<profile>` that is recommended."""
    outcome: str | None = None
    """"decided", "tie" (proved to be as fast as each other) or "too close to call"."""
    compared_by: str | None = None
    """"quiet_s" (wall time without the wait for a core), "cpu_s" or "wall"; the same for all runs."""
    busy_share: float | None = None
    """Share of their time for which the runs waited for a core; None if unknown."""
    against: str | None = None
    """Profile that the speeds are measured against: today's option file, else the slowest that ended optimal."""
    speedup_low: float | None = None
    speedup_high: float | None = None
    """The 95 % interval of `speedup`."""
    contenders: tuple[Contender, ...] = ()
    """The fastest first."""


class Report(Document, frozen=True, kw_only=True):
    """The report of a scan: how every run ended, the comparison, the recommendation."""

    scan: str
    spec: ScanSpec
    runs: tuple[RunResult, ...]
    """In the order of the scan."""
    comparison: Comparison
    recommendation: Recommendation
    created_ms: int
    """When the report was made."""
    warnings: tuple[str, ...] = ()
    """What the client adds, such as other sizes than in RUN_DIR's own listing."""


class Event(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="kind"):
    """Something that happened in a scan, for all watchers."""

    run: str = ""
    attempt: int = 0


class StateChanged(Event, frozen=True, kw_only=True, tag="state"):
    """A run changed its state."""

    state: RunState
    host: str = ""
    reason: str = ""
    verdict: Verdict | None = None


class ProgressMade(Event, frozen=True, kw_only=True, tag="progress"):
    """A progress snapshot of a running solve."""

    progress: Progress
    runtime_s: float = 0.0
    """Seconds since the engine started."""
    memory_mb: float | None = None


class Noted(Event, frozen=True, kw_only=True, tag="note"):
    """A line for users: an immediate error, a warning, advice."""

    text: str
    level: str = "warning"
    """"error", "warning" or "info"."""


class Reported(Event, frozen=True, kw_only=True, tag="reported"):
    """The report exists."""


class Extended(Event, frozen=True, kw_only=True, tag="extended"):
    """A round was added to the scan."""

    runs: tuple[RunSpec, ...]


AnyEvent = StateChanged | ProgressMade | Noted | Reported | Extended

_T = TypeVar("_T", bound=msgspec.Struct)
_event_decoder: msgspec.json.Decoder[AnyEvent] = msgspec.json.Decoder(AnyEvent)


def encode(document: msgspec.Struct) -> bytes:
    """JSON of a document or event."""
    return msgspec.json.encode(document)


def decode(raw: bytes | str, kind: type[_T]) -> _T:
    """A document from its JSON.

    Raises:
        SchemaMismatch: it is not one of `kind`, or of a major this version does not read.
    """
    try:
        document = msgspec.json.decode(raw, type=kind)
    except (ValueError, RecursionError) as error:  # msgspec's errors are ValueErrors
        raise SchemaMismatch(f"A {kind.__name__} document cannot be read: {error}.") from error
    return _of_spoken_schema(document)


def decode_event(raw: bytes | str) -> AnyEvent:
    """An event from its JSON.

    Raises:
        SchemaMismatch: it is none of the known events.
    """
    try:
        return _event_decoder.decode(raw)
    except (ValueError, RecursionError) as error:
        raise SchemaMismatch(f"An event cannot be read: {error}.") from error


def to_task(document: TaskMessage) -> dict[str, Any]:
    """Task arguments as plain builtins: Celery's JSON refuses anything else."""
    return dict(msgspec.to_builtins(document))


def from_task(raw: object, kind: type[_T]) -> _T:
    """Task arguments, checked.

    Raises:
        SchemaMismatch: unknown or missing fields, a wrong type, or another schema major.
    """
    try:
        message = msgspec.convert(raw, type=kind)
    except msgspec.ValidationError as error:
        raise SchemaMismatch(
            f"A {kind.__name__} message cannot be read: {error}. Is the other side of another version? "
            "`times-doctor hosts` shows what each host speaks."
        ) from error
    return _of_spoken_schema(message)


def _of_spoken_schema(document: _T) -> _T:
    schema = getattr(document, "schema", SCHEMA)
    if schema not in SPOKEN_SCHEMAS:
        raise SchemaMismatch(
            f"{type(document).__name__} has schema {schema}; this version reads {sorted(SPOKEN_SCHEMAS)}. "
            "Upgrade the older side of client and worker."
        )
    return document
