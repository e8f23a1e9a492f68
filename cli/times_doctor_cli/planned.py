"""What `--dry-run` shows of a prepared scan."""

from __future__ import annotations

from rich.console import Console

from times_doctor_cli import exit_codes
from times_doctor_cli.console import emit_json, shows_unicode
from times_doctor_cli.plan import engine_of
from times_doctor_cli.scanning import Prepared, engine_note
from times_doctor_cli.views.plan import PlanFact, PlannedRun, PlanView, plan_view


def show_plan(prepared: Prepared, console: Console, *, as_json: bool) -> int:
    """Shows what would run and from where each thing was read; nothing is started."""
    if as_json:
        emit_json({"spec": prepared.spec, "runs": list(prepared.runs), "facts": list(prepared.run_dir.facts)})
    else:
        console.print(plan_view(view_of(prepared), width=console.width, unicode=shows_unicode(console)))
    return exit_codes.OK


def view_of(prepared: Prepared) -> PlanView:
    """The plan as its view takes it."""
    capacity = prepared.capacity
    at_once = f"{capacity.slots} at once" if capacity.slots > 1 else "one after the other"
    facts = [PlanFact(what, value) for what, value in prepared.run_dir.facts]
    facts += [
        PlanFact("engine", engine_note(prepared.host, engine_of(prepared.run_dir))),
        PlanFact("runs", f"{len(prepared.runs)}, {at_once}, {capacity.threads} threads each"),
        PlanFact("reports", str(prepared.out)),
    ]
    runs = tuple(PlannedRun(run.run, run.solver, run.threads, run.options, run.origin) for run in prepared.runs)
    return PlanView(tuple(facts), runs, tuple(prepared.run_dir.warnings) + tuple(prepared.host.notes))
