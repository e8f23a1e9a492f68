from __future__ import annotations

from datetime import date
from pathlib import Path
from unittest.mock import MagicMock

import msgspec
import pytest
from msgspec.structs import replace

from times_doctor_cli.planning.hosts import Fleet, call_team, muster, queues_for, why_unfit
from times_doctor_cli.planning.request import ScanRequest
from times_doctor_tasks.blob_store.base import StoreSight
from times_doctor_tasks.contract.errors import EngineNotFound, InfrastructureError, NoHostForSolver
from times_doctor_tasks.contract.hosts import HostCard
from times_doctor_tasks.contract.keys import solve_queue
from times_doctor_tasks.contract.messages import SCHEMA
from times_doctor_tasks.testing.documents import make_run_spec

TODAY = date(2026, 11, 23)
CONTROL = HostCard(
    host="control@c", instance="i", pid=1, roles=("control",), slots=1, cores=1, memory_mb=1, queues=("control",)
)


def make_card(host: str = "h1", *solvers: str, **changes: object) -> HostCard:
    names = solvers or ("gams.cplex",)
    fields: dict[str, object] = {
        "host": host,
        "instance": "i",
        "pid": 1,
        "roles": ("solve",),
        "slots": 4,
        "cores": 16,
        "memory_mb": 32_000,
        "queues": (*(solve_queue(*name.split(".")) for name in names), f"host.{host}"),
        "engines": {name.split(".")[0]: "54.6" for name in names},
        "solvers": names,
    }
    return HostCard(**(fields | changes))  # type: ignore[arg-type]


def make_fleet(*cards: HostCard, **request: object) -> Fleet:
    return muster([CONTROL, *cards], make_request(**request), "gams", broker="redis://b", today=TODAY)


def make_request(**fields: object) -> ScanRequest:
    return ScanRequest(run_path=Path(), queue=True, **fields)  # type: ignore[arg-type]


def test_a_full_server_is_named_as_soon_as_the_control_workers_card_has_expired() -> None:
    """It takes no heartbeats: the cards of hosts expire one after the other."""
    client = MagicMock(**{"live_team.return_value": [make_card()], "store.seats.return_value": {}})
    client.require_room.side_effect = InfrastructureError("it is full")
    with pytest.raises(InfrastructureError, match="it is full"):
        call_team(client, make_request(), "gams")


def test_without_a_control_worker_nobody_would_make_the_report() -> None:
    with pytest.raises(NoHostForSolver, match="No control worker is live at 'redis://b'"):
        muster([make_card()], make_request(), "gams", broker="redis://b", today=TODAY)


@pytest.mark.parametrize(
    ("there", "mark", "words"),
    [
        ("/data", "b" * 16, "h1 calls its store /data as this machine does, and it is another one"),
        ("redis://b:***@r:6379/0", "b" * 16, "h1 uses the store redis://b:***@r:6379/0, this machine /data"),
        ("/mnt/elsewhere", "a" * 16, ""),
        ("", "", ""),  # a host of an older version does not say
        ("/data", "", ""),  # one that cannot look at its store says that in a note
    ],
)
def test_a_host_with_another_store_takes_no_part(there: str, mark: str, words: str) -> None:
    store = StoreSight("/data", "a" * 16)
    why = why_unfit(make_card(store=there, store_id=mark), make_request(), "gams", TODAY, store)
    assert why.startswith(words) if words else not why
    assert ("TIMES_DOCTOR_STORE_URL" in why) == bool(words)
    assert why_unfit(make_card(store=there, store_id=mark), make_request(), "gams", TODAY, StoreSight("/data")) == ""


def test_a_scan_that_no_host_could_get_its_model_for_is_not_sent() -> None:
    cards = [CONTROL, make_card(store="/data", store_id="b" * 16)]
    store = StoreSight("/data", "a" * 16)
    with pytest.raises(NoHostForSolver, match=r"No live host can take this scan: h1 calls its store /data"):
        muster(cards, make_request(), "gams", broker="redis://b", today=TODAY, store=store)


def test_without_a_solver_host_it_says_how_to_start_one() -> None:
    with pytest.raises(NoHostForSolver, match=r"No solver host is live.*`times-doctor worker` on a machine with GAMS"):
        make_fleet()


def test_a_solver_nobody_has_is_answered_with_what_each_host_has() -> None:
    fleet = make_fleet(make_card("h1"), make_card("h2", "gams.highs", "gams.conopt"))
    with pytest.raises(NoHostForSolver) as caught:
        fleet.require(["gurobi"])
    words = str(caught.value)
    assert "No live host has gurobi: h1 has cplex; h2 has highs, conopt." in words
    assert "a GAMS licence that includes it" in words


def test_hosts_that_cannot_take_the_scan_are_named_with_their_reason() -> None:
    small, other = make_card("small", cores=4), make_card("other", "highs.highs", notes=("GAMS was not found.",))
    fleet = make_fleet(make_card("big"), small, other, threads=8)
    assert [card.host for card in fleet.fit] == ["big"]
    assert fleet.left_out() == (
        "small has 4 cores, fewer than --threads 8: it takes no part.",
        "other has no GAMS (GAMS was not found): it takes no part.",
    )


@pytest.mark.parametrize(
    ("card", "request_fields", "why"),
    [
        (make_card(cores=4), {"threads": 8}, "h1 has 4 cores, fewer than --threads 8"),
        (make_card(memory_mb=1000), {"mem_mb": 2000}, "h1 has 1000 MB, less than --mem 2000"),
        (make_card(licence_expires="2026-11-22"), {}, "the GAMS licence of h1 ended on 2026-11-22"),
        (make_card(licence_expires="2026-11-23"), {}, ""),
        (make_card(taking=False), {}, "h1 is ending and takes nothing new"),
        (make_card(schemas=(SCHEMA + 1,)), {}, "upgrade times-doctor here"),
        (make_card(schemas=(SCHEMA - 1,)), {}, "upgrade times-doctor on h1"),
        (make_card(schemas=(SCHEMA, SCHEMA + 1)), {}, ""),
    ],
)
def test_a_host_is_unfit_for_a_reason_people_can_act_on(
    card: HostCard, request_fields: dict[str, int], why: str
) -> None:
    found = why_unfit(card, make_request(**request_fields), "gams", TODAY)
    assert (why in found) if why else not found


def test_when_nobody_fits_every_host_says_why() -> None:
    with pytest.raises(NoHostForSolver, match=r"h1 has 16 cores.*h2 has 2 cores"):
        make_fleet(make_card("h1"), make_card("h2", cores=2), threads=99)


def test_a_host_named_by_mistake_is_answered_with_those_there_are() -> None:
    with pytest.raises(NoHostForSolver, match=r"--hosts h9: no live solver host of that name. Live: h1\."):
        make_fleet(make_card("h1"), hosts=("h9",))


def test_hosts_that_all_have_the_solver_share_its_queue() -> None:
    fleet = make_fleet(make_card("h1"), make_card("h2"))
    assert queues_for(fleet, ["cplex"] * 3, 4) == ["solve.gams.cplex"] * 3


def test_named_hosts_get_runs_in_their_own_queues_by_their_cores() -> None:
    fleet = make_fleet(make_card("h1", cores=16), make_card("h2", cores=8), make_card("h3"), hosts=("h1", "h2"))
    assert queues_for(fleet, ["cplex"] * 3, 4) == ["host.h1", "host.h1", "host.h2"]


def test_a_host_too_small_for_the_threads_is_passed_by() -> None:
    fleet = make_fleet(make_card("big", cores=16), make_card("small", cores=2))
    assert queues_for(fleet, ["cplex"], 2) == ["solve.gams.cplex"]
    assert queues_for(fleet, ["cplex"] * 2, 8) == ["host.big"] * 2


def test_a_host_of_another_version_that_listens_on_the_queue_is_passed_by() -> None:
    fleet = make_fleet(make_card("new"), make_card("old", schemas=(SCHEMA - 1,)))
    assert queues_for(fleet, ["cplex"], 1) == ["host.new"]


def test_the_private_worker_without_the_engine_says_why_in_its_own_words() -> None:
    with pytest.raises(EngineNotFound, match=r"GAMS was not found\."):
        Fleet.here(make_card("h1", "highs.highs", notes=("GAMS was not found.",)), "gams")


def test_no_run_is_bound_to_a_host_where_all_may_take_it() -> None:
    fleet = make_fleet(make_card("h1", cores=16), make_card("h2", cores=8))
    assert queues_for(fleet, ["cplex"] * 6, 2) == ["solve.gams.cplex"] * 6


def test_runs_of_a_counted_solver_go_to_hosts_that_can_count_and_to_no_other() -> None:
    older, newer = make_card("h1"), make_card("h2", shares_line=True)
    fleet = replace(make_fleet(older, newer), counted={"cplex": 2})
    assert queues_for(fleet, ["cplex", "cplex"], 4) == ["host.h2", "host.h2"]
    fleet = replace(make_fleet(newer), counted={"cplex": 2})
    assert queues_for(fleet, ["cplex"], 4) == [solve_queue("gams", "cplex")]


def test_a_counted_solver_that_only_older_hosts_have_is_said_to_need_an_upgrade() -> None:
    fleet = replace(make_fleet(make_card("h1")), counted={"cplex": 2})
    with pytest.raises(NoHostForSolver, match="cannot count the seats of cplex: upgrade them"):
        fleet.require(["cplex"])


def test_a_run_that_took_more_memory_than_any_host_has_is_refused() -> None:
    fleet = make_fleet(make_card("h1"), make_card("h2", memory_mb=64_000))
    runs = [make_run_spec(expected_mb=64_000), make_run_spec(expected_mb=90_000, mem_mb=10)]
    fleet.require_memory(runs)
    with pytest.raises(NoHostForSolver, match="took 64,001 MB before, and h2, the largest host, has 64,000 MB"):
        fleet.require_memory([*runs, make_run_spec(expected_mb=64_001)])
    with pytest.raises(NoHostForSolver, match=r"^--mem 99000: this machine has 64,000 MB\.$"):
        replace(fleet, is_here=True).require_memory([make_run_spec(mem_mb=99_000)])


@pytest.mark.parametrize(
    ("known", "name", "words"),
    [
        (
            ("anna", "ops"),
            "ann",
            "--notify ann: the control worker does not know that name, so no message is sent; it knows anna, ops.",
        ),
        ((), "anna", "no message is sent; it knows no name (docs/team.md)."),
        (("anna",), "anna", ""),
        (("anna",), "none", ""),
        ((), None, ""),
    ],
)
def test_a_name_that_no_control_worker_knows_is_warned_of(known: tuple[str, ...], name: str | None, words: str) -> None:
    control = msgspec.structs.replace(CONTROL, notify=known)
    fleet = muster([control, make_card()], make_request(), "gams", broker="redis://b", today=TODAY)
    said = fleet.untold(name)
    assert said.endswith(words)
    assert bool(said) == bool(words)
