"""A prepared scan before it starts: the output of `--dry-run`, and the only question."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from rich.console import Console

from times_doctor_cli.planning.builder import (
    Prepared,
    engine_note,
    expectation,
    host_names,
    plan_without_hosts,
    warnings_of,
)
from times_doctor_cli.planning.request import MANY_RUNS, ScanRequest
from times_doctor_cli.run_folder.findings import INPUT_FOLDER
from times_doctor_cli.terminal.console import emit_json, show, shows_unicode
from times_doctor_cli.terminal.questions import confirm
from times_doctor_cli.views.input_tree import PlannedFile, input_tree
from times_doctor_cli.views.plan import PlanFact, PlannedRun, PlanView, plan_view
from times_doctor_tasks.contract import exit_codes
from times_doctor_tasks.contract.errors import InfrastructureError
from times_doctor_tasks.contract.messages import RunSpec


def plan_to_look_at(
    plan: Callable[[], tuple[object, Prepared]], request: ScanRequest, environ: Mapping[str, str]
) -> Prepared:
    """The plan; if no engine, host or broker can be used now, a warning in it says so."""
    try:
        return plan()[1]
    except InfrastructureError as error:
        return plan_without_hosts(request, environ, str(error))


def show_plan(prepared: Prepared, console: Console, *, as_json: bool) -> int:
    """Shows what would run, the source of each fact, and what is missing; starts nothing."""
    if as_json:
        plan = {"spec": prepared.spec, "runs": list(prepared.runs), "facts": list(prepared.run_dir.facts)}
        emit_json(plan | {"warnings": list(warnings_of(prepared))} | _from_history(prepared))
    else:
        show(plan_view(view_of(prepared), width=console.width, unicode=shows_unicode(console)), console)
    return exit_codes.USAGE if prepared.run_dir.missing else exit_codes.OK


def view_of(prepared: Prepared) -> PlanView:
    """The plan as its view takes it."""
    capacity = prepared.capacity
    at_once = f"{capacity.slots} at once" if capacity.slots > 1 else "one after the other"
    run_dir = prepared.run_dir
    inputs = input_tree(
        [PlannedFile(file.path, file.why) for file in run_dir.inputs],
        [(idir.path, idir.source) for idir in run_dir.idirs],
    )
    facts = [PlanFact(what, value) for what, value in run_dir.facts if inputs is None or what != INPUT_FOLDER]
    if prepared.why_these:
        facts.append(PlanFact("profiles", "", prepared.why_these))
    if not prepared.fleet.is_here:
        facts.append(PlanFact("hosts", host_names(prepared.fleet.fit)))
    facts += [
        PlanFact("engine", engine_note(prepared)),
        PlanFact("runs", f"{len(prepared.runs)}{_reused(prepared.runs)}, {at_once}, {capacity.threads} threads each"),
        PlanFact("reports", str(prepared.out)),
        *(PlanFact(what, "", words) for what, words in _from_history(prepared).items() if words),
    ]
    runs = tuple(
        PlannedRun(run.run, run.solver, run.threads, run.options, _origin(run.origin, run.reused is not None))
        for run in prepared.runs
    )
    return PlanView(tuple(facts), runs, warnings_of(prepared), reused=len(prepared.spec.reused), inputs=inputs)


def ask_about_many(request: ScanRequest, prepared: Prepared) -> None:
    """The only question of a scan.

    Raises:
        UsageError: more runs than usual, and no user to confirm.
    """
    amount = len(prepared.runs) - len(prepared.spec.reused)
    if amount <= MANY_RUNS or request.yes:
        return
    fact = f"This scan has {amount} runs."
    confirm(fact, "Start them?", unasked=f"Say --yes to start more than {MANY_RUNS}.")


def _from_history(prepared: Prepared) -> dict[str, str]:
    return {"expected": expectation(prepared), "history": prepared.history}


def _reused(runs: Sequence[RunSpec]) -> str:
    taken = [run.reused.reused_from for run in runs if run.reused is not None]
    scans = tuple(dict.fromkeys(taken))
    if not scans:
        return ""
    return f" ({len(taken)} of them reused from scan{'s' if len(scans) > 1 else ''} {' and '.join(scans)})"


def _origin(origin: str, reused: bool) -> str:
    return f"{origin}, reused" if reused else origin
