from __future__ import annotations

from tests.unit.cli.scans import (
    drawn,
)
from times_doctor_cli.views.plan import PlanFact, PlannedRun, PlanView, plan_view


def test_plan_shows_where_each_thing_was_read() -> None:
    plan = PlanView(
        (
            PlanFact("driver", "parscen.run", "has the folder's name"),
            PlanFact("inputs", "31 files, 3.4 MB"),
            PlanFact("GAMS", "54.6.1, demo licence until 26 Nov 2026", "/opt/with/a/long/path/to/gamspy_base/gams"),
        ),
        (PlannedRun("cplex.sift", "cplex", 2, "lpmethod 5\nsolutiontype 1\n", "built in"),),
        ("The licence ends in 3 days.",),
    )

    assert drawn(plan_view(plan, width=80, unicode=True)) == (
        "! The licence ends in 3 days.\n"
        "driver  parscen.run                             has the folder's name\n"
        "inputs  31 files, 3.4 MB\n"
        "GAMS    54.6.1, demo licence until 26 Nov 2026\n"
        "        /opt/with/a/long/path/to/gamspy_base/gams\n"
        "\n"
        "run        threads from     options\n"
        "cplex.sift       2 built in lpmethod 5, solutiontype 1\n"
        "\n"
        "Nothing was started. 1 run would start.\n"
    )


def test_a_long_reason_is_broken_between_words() -> None:
    why = "small.lp is of class LP: profiles dual, bar, bar_nox, because the method decides how long an LP takes."
    plan = PlanView((PlanFact("driver", "small.lp"), PlanFact("profiles", "", why)), ())

    assert drawn(plan_view(plan, width=80, unicode=True)).startswith(
        "driver    small.lp\n"
        "profiles  small.lp is of class LP: profiles dual, bar, bar_nox, because the\n"
        "          method decides how long an LP takes.\n"
    )


def test_a_plan_counts_what_would_run_and_what_is_reused() -> None:
    runs = tuple(PlannedRun(f"cplex.p{n}", "cplex", 2, "lpmethod 1\n", "built in") for n in range(3))

    assert drawn(plan_view(PlanView((), runs, (), reused=2), width=80, unicode=True)).endswith(
        "\nNothing was started. 1 run would start, 2 reused.\n"
    )
