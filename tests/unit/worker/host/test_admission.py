from __future__ import annotations

import pytest

from times_doctor_tasks.contract.messages import RunSpec
from times_doctor_tasks.state_store.run_store import Fence, Leased, Owned, Room
from times_doctor_worker.host.admission import Admission


def make_run(threads: int, mem_mb: int | None = None) -> RunSpec:
    return RunSpec(
        scan="s",
        run="r",
        index=0,
        engine="gams",
        solver="cplex",
        profile="p",
        options="",
        threads=threads,
        mem_mb=mem_mb,
    )


def test_what_is_owned_is_booked_and_given_back() -> None:
    admission = Admission(cores=4, memory_mb=1000)
    admission.claim("a", Room(3, 400), lambda _: Owned(Fence(1, "t")))
    assert admission.free() == Room(1, 600)
    with admission.released_after("a"):
        pass
    assert admission.free() == Room(4, 1000)


def test_what_is_not_owned_is_not_booked() -> None:
    admission = Admission(cores=4, memory_mb=1000)
    admission.claim("a", Room(3, 400), lambda _: Leased("h2"))
    assert admission.free() == Room(4, 1000)


def test_room_is_given_back_when_the_solve_raises() -> None:
    admission = Admission(cores=4, memory_mb=1000)
    admission.claim("a", Room(4, 0), lambda _: Owned(Fence(1, "t")))
    with pytest.raises(RuntimeError), admission.released_after("a"):
        raise RuntimeError
    assert admission.free() == Room(4, 1000)


def test_a_run_that_asks_for_more_than_the_host_gets_the_whole_host() -> None:
    assert Admission(cores=4, memory_mb=1000).need(make_run(7, 5000)) == Room(4, 1000)
