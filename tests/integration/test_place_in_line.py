"""The texts for waiting runs: one look at a real server, by several users."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from msgspec import structs
from redis.connection import AbstractConnection

from tests.conftest import Server
from tests.integration.conftest import make_result, make_runs, make_scan
from times_doctor_cli import api
from times_doctor_cli.client.scan_summaries import scan_lines
from times_doctor_cli.client.session import Client
from times_doctor_cli.client.team_look import TeamReader
from times_doctor_tasks.config.settings import Settings
from times_doctor_tasks.contract.hosts import HostCard
from times_doctor_tasks.contract.keys import host_queue, solve_queue
from times_doctor_tasks.contract.messages import ScanSpec
from times_doctor_tasks.contract.states import RunState
from times_doctor_tasks.state_store.fair_order import in_fair_order
from times_doctor_tasks.state_store.run_store import Owned, Room, RunStore

pytestmark = pytest.mark.server
QUEUE = solve_queue("gams", "cplex")


class Office:
    """People with scans, and one host of two slots."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.store: RunStore = client.store
        queues = (QUEUE, host_queue("h1"))
        card = HostCard(
            host="h1", instance="i", pid=1, roles=("solve",), slots=2, cores=2, memory_mb=8_000,
            queues=queues, solvers=("gams.cplex",), shares_line=True,
        )  # fmt: skip
        self.store.register_host(card, ttl_s=600)

    def submit(self, who: str, scan: str, amount: int, **fields: object) -> ScanSpec:
        spec = make_scan(runs=tuple(f"cplex.{number}" for number in range(amount)), client=f"{who}@pc", lease_s=30.0)
        spec = structs.replace(spec, scan=scan, created_ms=self.store.server_ms())
        self.store.submit(spec, in_fair_order(self.store, spec, make_runs(spec, **fields)))
        return spec

    def begin(self, spec: ScanSpec, number: int) -> Owned:
        run = self.store.runs(spec)[number]
        claim = self.store.claim(spec, run, host="h1", token="t", need=Room(1, 0), free=Room(2, 8_000))
        assert isinstance(claim, Owned)
        for state in (RunState.STAGING, RunState.RUNNING):
            self.store.advance(spec, run.run, claim.fence, state)
        return claim

    def places(self, spec: ScanSpec) -> dict[str, str]:
        return {row.run: row.place for row in api.standing(self.client, spec.scan).rows if row.place}


@pytest.fixture
def office(server: Server, store: RunStore) -> Office:
    return Office(Client.open(Settings(broker_url=server.url, key_prefix=store.keys.prefix, host="desk")))


def test_a_late_scan_stands_behind_the_first_round_of_another_and_before_its_second(office: Office) -> None:
    anna = office.submit("anna", "a1", 6)
    for number in (0, 1):
        office.begin(anna, number)
    ben = office.submit("ben", "b1", 2)
    assert office.places(ben) == {"cplex.0": "next in line", "cplex.1": "behind 1 run of ben"}
    assert office.places(anna)["cplex.2"] == "behind 2 runs of ben"


def test_a_run_that_took_more_memory_before_than_any_host_has_is_not_next(office: Office) -> None:
    anna = office.submit("anna", "a1", 1, expected_mb=16_384)
    assert office.places(anna) == {"cplex.0": "needs 16.0 GB: no host has them"}


def test_where_lengths_are_known_the_time_is_told(office: Office) -> None:
    anna = office.submit("anna", "a1", 4, expected_s=1200.0)
    for number in (0, 1):
        office.begin(anna, number)
    ben = office.submit("ben", "b1", 3, expected_s=60.0)
    assert office.places(ben)["cplex.0"] == "about 20 min"
    assert office.places(ben)["cplex.2"].endswith("about 41 min")


def test_a_list_says_where_the_first_waiting_run_of_a_scan_stands(office: Office) -> None:
    office.submit("anna", "a1", 2)
    office.submit("ben", "b1", 1)
    assert {line.spec.scan: line.place for line in scan_lines(office.client, newest=9)} == {
        "a1": "next in line",
        "b1": "behind 2 runs of anna",
    }


def test_a_list_of_many_open_scans_takes_no_more_round_trips_than_one_of_few(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    trips: list[object] = []
    send: Callable[..., None] = AbstractConnection.send_packed_command

    def count(self: AbstractConnection, command: object, check_health: bool = True) -> None:
        trips.append(command)
        send(self, command, check_health)

    monkeypatch.setattr(AbstractConnection, "send_packed_command", count)
    found = []
    for number in range(40):
        office.submit("anna", f"a{number}", 2)
        if number in (1, 39):
            trips.clear()
            assert len(scan_lines(office.client, newest=1)) == 1
            found.append(len(trips))
    assert found[0] == found[1]


def test_a_run_whose_host_is_silent_says_so_before_its_lease_is_over(office: Office) -> None:
    spec = office.submit("anna", "a1", 1)
    office.begin(spec, 0)
    assert office.places(spec) == {}
    key = office.store.keys.state(spec.scan, "cplex.0")
    office.store.client.hincrby(key, "lease_ms", -12_000)
    beat_ms = int(office.store.client.hget(key, "lease_ms")) - int(spec.lease_s * 1000)
    least_s = (office.store.server_ms() - beat_ms) // 1000
    place = office.places(spec)["cplex.0"]
    most_s = (office.store.server_ms() - beat_ms) // 1000 + 1
    assert least_s >= 12
    assert place in {f"host silent for {seconds} s" for seconds in range(least_s, most_s + 1)}


def test_a_run_that_waits_for_a_seat_says_how_many_there_are(office: Office) -> None:
    office.store.set_seats("cplex", 1)
    spec = office.submit("anna", "a1", 1)
    office.store.client.zadd(office.store.keys.held_seats(), {"cplex h9 x y 1": office.store.server_ms() + 60_000})
    assert office.places(spec) == {"cplex.0": "no seat: 1 of 1 cplex"}


def test_a_second_look_reads_no_runs_again(office: Office) -> None:
    office.submit("anna", "a1", 3)
    reader = TeamReader(office.client)
    reader.look()
    before = int(office.store.client.info("commandstats")["cmdstat_mget"]["calls"])
    reader.look()
    after = int(office.store.client.info("commandstats")["cmdstat_mget"]["calls"])
    assert after - before == 3  # done marks, scans, host cards


def test_a_run_that_has_ended_is_not_looked_at_again(office: Office) -> None:
    spec = office.submit("anna", "a1", 3)
    reader = TeamReader(office.client)
    assert office.store.conclude(spec, make_result(spec, "cplex.0"))
    reader.look()
    before = int(office.store.client.info("commandstats")["cmdstat_hgetall"]["calls"])
    assert [run.run for run in reader.look().waiting] == ["cplex.1", "cplex.2"]
    after = int(office.store.client.info("commandstats")["cmdstat_hgetall"]["calls"])
    assert after - before == 4  # the two that wait, what the line needs, seats
