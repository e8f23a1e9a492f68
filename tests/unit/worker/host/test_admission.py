from __future__ import annotations

import msgspec
import pytest

from times_doctor_tasks.contract.messages import RunSpec
from times_doctor_tasks.state_store.run_store import KEPT_S, Fence, Leased, Owned, Room
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


def make_admission(*, slots: int = 4, is_alone: bool = False) -> Admission:
    return Admission(cores=4, memory_mb=1000, slots=slots, is_alone=is_alone)


def free(admission: Admission) -> Room:
    return admission.claim("asker", Room(0, 0), lambda room: room)


def taken(admission: Admission, run: str, need: Room) -> tuple[str, str] | None:
    return admission.take(lambda room: ("s", run, need) if need.threads <= room.threads else None)


def test_what_is_owned_is_booked_and_given_back() -> None:
    admission = make_admission()
    admission.claim("a", Room(3, 400), lambda _: Owned(Fence(1, "t")))
    assert free(admission) == Room(1, 600)
    with admission.released_after("a"):
        pass
    assert free(admission) == Room(4, 1000)


def test_a_run_without_words_on_memory_needs_what_it_took_before() -> None:
    run = msgspec.structs.replace(make_run(1), expected_mb=300)
    assert make_admission().need(run) == Room(1, 300)
    assert make_admission().need(msgspec.structs.replace(run, mem_mb=200)) == Room(1, 200)


def test_a_run_that_was_in_line_for_more_memory_gets_it() -> None:
    admission = make_admission()
    assert taken(admission, "a", Room(1, 900)) == ("s", "a")
    admission.claim("s a", Room(1, 0), lambda _: Owned(Fence(1, "t")))
    assert free(admission) == Room(3, 100)


def test_what_is_not_owned_is_not_booked() -> None:
    admission = make_admission()
    admission.claim("a", Room(3, 400), lambda _: Leased("h2"))
    assert free(admission) == Room(4, 1000)


def test_room_is_given_back_when_the_solve_raises() -> None:
    admission = make_admission()
    admission.claim("a", Room(4, 0), lambda _: Owned(Fence(1, "t")))
    with pytest.raises(RuntimeError), admission.released_after("a"):
        raise RuntimeError
    assert free(admission) == Room(4, 1000)


def test_a_run_that_asks_for_more_than_the_host_is_not_made_smaller() -> None:
    assert make_admission().need(make_run(7, 5000)) == Room(7, 5000)


def test_a_host_that_is_alone_gives_such_a_run_all_it_has() -> None:
    assert make_admission(is_alone=True).need(make_run(7, 5000)) == Room(4, 1000)


def test_what_is_taken_from_the_line_is_booked_until_it_is_claimed() -> None:
    admission = make_admission()
    assert taken(admission, "a", Room(3, 0)) == ("s", "a")
    assert taken(admission, "b", Room(3, 0)) is None
    admission.claim("s a", Room(3, 0), lambda room: Owned(Fence(1, "t")) if room.threads == 4 else Leased("h2"))
    assert free(admission).threads == 1


def test_nothing_is_taken_from_the_line_without_a_free_slot() -> None:
    admission = make_admission(slots=1)
    assert taken(admission, "a", Room(1, 0)) == ("s", "a")
    assert taken(admission, "b", Room(1, 0)) is None


def test_what_was_taken_and_never_came_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    admission, now_s = make_admission(slots=1), 0.0
    monkeypatch.setattr("times_doctor_worker.host.admission.monotonic_s", lambda: now_s)
    assert taken(admission, "a", Room(1, 0)) == ("s", "a")
    now_s = KEPT_S + 1
    assert free(admission).threads == 4
    assert taken(admission, "b", Room(1, 0)) == ("s", "b")
