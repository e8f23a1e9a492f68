from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from times_doctor_cli.client.place import TeamLook, TeamRun, places
from times_doctor_tasks.contract.hosts import HostCard
from times_doctor_tasks.contract.keys import host_queue, solve_queue

CPLEX = solve_queue("gams", "cplex")


def make_card(host: str = "h1", **changes: Any) -> HostCard:
    fields: dict[str, Any] = {"slots": 2, "cores": 8, "memory_mb": 16_000, "solvers": ("gams.cplex",)}
    fields |= {"queues": (CPLEX, host_queue(host)), **changes}
    return HostCard(host=host, instance="i", pid=1, roles=("solve",), **fields)


def make_run(name: str, person: str = "anna", scan: str = "s1", **changes: Any) -> TeamRun:
    fields: dict[str, Any] = {"queue": CPLEX, "offer": "gams.cplex", "threads": 1, "mem_mb": 0, "left_s": None}
    return TeamRun(scan, name, person, **(fields | changes))


def words(waiting: Sequence[TeamRun], scan: str, *cards: HostCard, **fields: Any) -> Mapping[str, str]:
    return places(TeamLook(cards or (make_card(),), waiting, **fields), scan)


def runs_of(person: str, amount: int, scan: str, **changes: Any) -> list[TeamRun]:
    return [make_run(f"{person}.{number}", person, scan, **changes) for number in range(amount)]


def test_it_is_said_whose_runs_come_before() -> None:
    line = [*runs_of("anna", 7, "a"), *runs_of("carl", 1, "c"), *runs_of("ben", 2, "b")]
    assert words(line, "b") == {
        "ben.0": "behind 7 runs of anna and 1 run of carl",
        "ben.1": "behind 7 runs of anna, 1 run of carl and 1 of others",
    }


def test_the_first_in_line_is_next() -> None:
    assert words(runs_of("anna", 1, "a"), "a") == {"anna.0": "next in line"}


def test_runs_that_other_hosts_take_are_not_before_it() -> None:
    highs = solve_queue("native", "highs")
    cards = [make_card(), make_card("h2", queues=(highs,), solvers=("native.highs",))]
    line = [*runs_of("anna", 3, "a", queue=highs, offer="native.highs"), *runs_of("ben", 1, "b")]
    assert words(line, "b", *cards) == {"ben.0": "next in line"}


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"offer": "gams.alien", "queue": "solve.gams.alien"}, "no host has alien"),
        ({"offer": "full.gurobi", "queue": "solve.gurobi.gurobi"}, "no host has a larger licence of gurobi"),
        ({"threads": 32}, "needs 32 threads: no host has them"),
        ({"mem_mb": 65_536}, "needs 64.0 GB: no host has them"),
        ({"queue": host_queue("h9")}, "h9 is not there"),
    ],
)
def test_what_no_host_can_take_says_why(changes: dict[str, Any], why: str) -> None:
    assert words([make_run("a", **changes)], "s1") == {"a": why}


def test_a_run_without_a_seat_says_how_many_there_are() -> None:
    fields = {"seats": {"cplex": 2}, "held": {"cplex": 2}}
    line = [*runs_of("anna", 1, "a"), *runs_of("ben", 1, "b")]
    assert words(line, "b", **fields) == {"ben.0": "no seat: 2 of 2 cplex, behind 1 run of anna"}


def test_where_all_lengths_are_known_it_is_said_when_it_starts() -> None:
    working = [make_run(f"w{n}", "anna", "a", left_s=600.0 * (n + 1), host="h1") for n in range(2)]
    line = [*runs_of("anna", 3, "a", left_s=1200.0), *runs_of("ben", 1, "b", left_s=60.0)]
    assert words(line, "b", working=working)["ben.0"] == "behind 3 runs of anna, about 40 min"


@pytest.mark.parametrize(("left_s", "said"), [(30.0, "about 30 s"), (None, "")])
def test_without_a_length_there_is_a_count_only(left_s: float | None, said: str) -> None:
    working = [make_run(f"w{n}", left_s=left_s, host="h1") for n in range(2)]
    found = words([make_run("b", "ben", "b", left_s=5.0)], "b", working=working)
    assert found == {"b": said or "next in line"}


def test_seats_are_counted_when_time_is_played_forward() -> None:
    working = [make_run("w", "anna", "a", left_s=40.0, host="h1")]
    line = [make_run("b", "ben", "b", left_s=5.0)]
    fields: dict[str, Any] = {"working": working, "seats": {"cplex": 1}, "held": {"cplex": 1}}
    assert words(line, "b", make_card(), make_card("h2"), **fields) == {"b": "no seat: 1 of 1 cplex, about 40 s"}
