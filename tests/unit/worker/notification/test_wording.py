from __future__ import annotations

from msgspec import structs

from times_doctor_tasks.contract.messages import Report
from times_doctor_tasks.contract.states import RunState, StopReason, Verdict
from times_doctor_tasks.state_store.run_store import RunStatus
from times_doctor_tasks.testing.documents import SCAN, make_report, make_result, make_scan_spec
from times_doctor_worker.notification.wording import Message, ended, lost, waits
from times_doctor_worker.recovery.rules import Action, Remedy

RUNS = ("cplex.bar", "cplex.dual", "cplex.primal")


def loss(run: str, host: str, remedy: Remedy = Remedy.REQUEUE) -> Action:
    return Action(run, remedy, RunStatus(RunState.RUNNING, attempt=1, host=host))


def test_the_end_of_a_scan_says_what_to_use_and_how_its_runs_ended() -> None:
    failed = make_result("primal", state=RunState.FAILED, verdict=None)
    report = make_report([make_result("dual", runtime_s=30.0), make_result("bar", runtime_s=10.0), failed])
    assert ended(report) == Message(
        SCAN,
        f"times-doctor: scan {SCAN} has ended",
        "Use cplex.bar: 3.0 x as fast as cplex.dual.\n"
        "3 runs: 2 optimal, 1 failed.\n"
        f"It took 60 s. More: times-doctor report {SCAN}\n"
        "Started by modeller@laptop.",
    )


def test_a_scan_without_a_winner_says_why() -> None:
    report = make_report([make_result(p, verdict=Verdict.INFEASIBLE, objective=None) for p in ("dual", "bar")])
    assert ended(report).body.startswith("The model is infeasible: both runs agree.\n2 runs: 2 infeasible.\n")


def test_runs_that_disagree_come_first() -> None:
    runs = [make_result("dual"), make_result("bar", objective=1.0)]
    assert ended(make_report(runs)).body.startswith("The runs do not agree. ")


def test_who_cancelled_a_scan_is_named() -> None:
    stopped = make_result(
        "bar", state=RunState.CANCELLED, verdict=None, stop_reason=StopReason.USER, stopped_by="bob@desk"
    )
    assert "\nCancelled by bob@desk.\n" in ended(make_report([stopped])).body


def test_nothing_of_the_model_is_told() -> None:
    report: Report = make_report()
    model = report.spec.model
    hidden = structs.replace(
        model, title="SECRETTITLE", run_dir="/home/x/SECRETDIR", driver="d/SECRETDRIVER.run", snapshot="5EC" * 21
    )
    spec = structs.replace(report.spec, model=hidden, runs=RUNS)
    runs = tuple(
        structs.replace(
            run, messages=("SECRETROW",), conflict=("SECRETROW",), sentence="SECRET", directory="/SECRETDIR"
        )
        for run in report.runs
    )
    told = [
        ended(structs.replace(report, spec=spec, runs=runs)),
        waits(spec, 1, 60.0),
        lost(spec, [loss("cplex.bar", "h1")]),
    ]
    assert "SECRET" not in repr(told)
    assert "6407967" not in repr(told)


def test_a_wait_says_how_many_runs_and_how_long() -> None:
    message = waits(make_scan_spec(runs=RUNS), 2, 7500.0)
    assert message.title == f"times-doctor: scan {SCAN} has waited for 2 h 05 min"
    assert message.body.splitlines() == [
        "2 of 3 runs wait for a host.",
        f"Why: times-doctor status {SCAN}",
        "Started by modeller@laptop.",
    ]


def test_losses_of_a_scan_are_one_message() -> None:
    losses = [loss("cplex.bar", "h2"), loss("cplex.dual", "h1"), loss("cplex.primal", "h1", Remedy.LOSE)]
    message = lost(make_scan_spec(runs=RUNS), losses)
    assert message.title == f"times-doctor: scan {SCAN} has lost h1, h2"
    assert message.body.splitlines() == [
        "Started again elsewhere: cplex.bar, cplex.dual.",
        "Not started again, for all attempts are used up: cplex.primal.",
        "Started by modeller@laptop.",
    ]


def test_what_a_client_wrote_cannot_make_lines_or_long_ones() -> None:
    spec = make_scan_spec(runs=RUNS, client="x\nSubject: y\x1b[2J" + "z" * 10_000)
    message = lost(spec, [loss("cplex.bar", "h\r\n1")])
    assert message.title.endswith("has lost h??1")
    assert message.body.splitlines()[1].startswith("Started by x?Subject: y?[2Jzz")
    assert len(message.body) < 400
