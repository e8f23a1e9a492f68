from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from times_doctor_worker.engines.discovery import Found
from times_doctor_worker.engines.native.engine import NativeEngine
from times_doctor_worker.host.engine_availability import HostFault, Rotation

HIGHS = Found(engine=NativeEngine("1.16.0", {}), solvers=("highs.highs",))
GAMS_GONE = Found(notes=("GAMS was not found.",))


class Host:
    def __init__(self) -> None:
        self.found = {"highs": HIGHS, "gams": GAMS_GONE}
        self.shortage = ""
        self.today = date(2026, 11, 23)
        self.changes = 0
        self.rotation = Rotation(self._search, lambda: self.shortage, on_change=self._changed, today=lambda: self.today)
        self.rotation.begin(self.found)

    def _search(self, name: str) -> Found:
        return self.found[name]

    def _changed(self) -> None:
        self.changes += 1


@pytest.fixture
def host() -> Host:
    return Host()


def test_a_host_offers_what_was_found_and_says_what_is_missing(host: Host) -> None:
    offer = host.rotation.offer()
    assert (offer.engines, offer.queues) == ({"highs": "1.16.0"}, ["solve.highs.highs"])
    assert offer.notes == ("GAMS was not found.",)
    assert host.rotation.refusal("highs") == ""
    assert host.rotation.refusal("gams") == "no gams here"


def test_an_engine_that_is_out_is_not_offered_and_its_reason_is_told(host: Host) -> None:
    host.rotation.take_out(HostFault("highs", "it does not start"))
    host.rotation.take_out(HostFault("highs", "it does not start"))

    assert host.changes == 1
    assert host.rotation.offer().queues == []
    assert host.rotation.offer().notes[0].startswith("highs is out of rotation since ")
    assert host.rotation.refusal("highs").endswith(": it does not start")
    assert host.rotation.engine("highs") is not None


def test_an_engine_comes_back_when_a_look_finds_it_well(host: Host) -> None:
    host.rotation.take_out(HostFault("highs", "it does not start"))
    host.found["highs"] = Found(notes=("HiGHS does not load.",))
    host.rotation.look()
    assert host.rotation.offer().queues == []

    host.found["highs"] = HIGHS
    host.rotation.look()

    assert host.rotation.offer().queues == ["solve.highs.highs"]
    assert host.rotation.refusal("highs") == ""
    assert host.changes == 2


def test_an_engine_that_was_missing_is_taken_in_when_it_appears(host: Host) -> None:
    host.found["gams"] = Found(engine=NativeEngine("54", {}), solvers=("gams.cplex",))
    host.rotation.look()
    assert host.rotation.offer().queues == ["solve.highs.highs", "solve.gams.cplex"]


def test_a_full_disk_takes_everything_out_until_there_is_room(host: Host) -> None:
    host.shortage = "the disk is full"
    host.rotation.look()
    assert host.rotation.offer().engines == {}
    host.shortage = ""
    host.rotation.look()
    assert host.rotation.offer().engines == {"highs": "1.16.0"}


def test_a_licence_that_ends_overnight_is_noticed_the_next_day(host: Host) -> None:
    host.found["highs"] = Found(notes=("The licence ended.",))
    host.rotation.look()
    assert host.rotation.offer().engines == {"highs": "1.16.0"}
    host.today = date(2026, 11, 24)
    host.rotation.look()
    assert host.rotation.offer().engines == {}


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda host: None, None),
        (lambda host: setattr(host, "shortage", "the disk is full"), "the disk is full"),
        (lambda host: host.found.update(highs=Found(notes=("It is broken.",))), "It is broken."),
        (lambda host: host.found.update(highs=Found()), "highs is not here any more"),
    ],
)
def test_a_failure_is_the_hosts_own_where_disk_or_engine_are_not_well(
    host: Host, spoil: Callable[[Host], None], why: str | None
) -> None:
    spoil(host)
    fault = host.rotation.blame("highs")
    assert (fault.why if fault else None) == why


def test_a_search_that_cannot_write_finds_nothing(tmp_path: Path) -> None:
    def search(name: str) -> Found:
        raise OSError("no space left on device")

    rotation = Rotation(search, lambda: "")
    rotation.begin({"highs": HIGHS})
    fault = rotation.blame("highs")
    assert fault is not None
    assert fault.why == "highs cannot be tried: no space left on device"
