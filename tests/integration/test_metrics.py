"""What a control worker's metrics say of the keys that are there, on a real server."""

from __future__ import annotations

import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.conftest import Server, wait_until
from tests.faults.broker import free_port
from tests.integration.conftest import Submit, make_result, make_scan
from tests.integration.workers import PATIENCE_S, Team, endless_mps
from times_doctor_tasks.contract.hosts import HostCard, WorkerPlan
from times_doctor_tasks.contract.messages import AggregateTask, Comparison, Recommendation, Report, encode
from times_doctor_tasks.contract.states import RunState
from times_doctor_tasks.state_store.run_store import RunStore
from times_doctor_worker.monitoring import team_metrics
from times_doctor_worker.monitoring.team_metrics import METRICS
from times_doctor_worker.recovery.actions import Remedies
from times_doctor_worker.recovery.sweeper import Sweeper
from times_doctor_worker.redis_io.publisher import Postman

pytestmark = [pytest.mark.server, pytest.mark.timeout(120)]

Found = dict[tuple[str, ...], float]


class Nobody:
    def aggregate(self, task: AggregateTask) -> str:
        raise AssertionError("nothing is to report here")


class Scraped:
    """A collector over one key prefix, and its sweeper."""

    def __init__(self, store: RunStore, url: str) -> None:
        self.sweeper = Sweeper(store, Nobody(), Remedies(store, Postman(store)))
        plan = WorkerPlan(
            broker_url=url, store_url="redis", key_prefix=store.keys.prefix, host="h1", roles=("control",),
            cores=1, memory_mb=1, cache_dir="/nonexistent",
        )  # fmt: skip
        self._team = team_metrics.Team(plan, "1.2.3", lambda: self.sweeper)

    def read(self) -> dict[str, Found]:
        """Name without our prefix to values by label values."""
        found: dict[str, Found] = {}
        for family in text_string_to_metric_families(self._team.text().decode()):
            for sample in family.samples:
                by = found.setdefault(sample.name.removeprefix("times_doctor_"), {})
                by[tuple(sample.labels[label] for label in METRICS[sample.name][0])] = sample.value
        return found


@pytest.fixture
def scraped(store: RunStore, server: Server) -> Scraped:
    return Scraped(store, server.url)


def make_card(host: str = "h1", **fields: object) -> HostCard:
    card = HostCard(
        host=host, instance="i", pid=1, roles=("solve",), slots=4, cores=8, memory_mb=1024,
        queues=("solve.gams.cplex", f"host.{host}"), solvers=("gams.cplex",), running=("s1 cplex.a",),
    )  # fmt: skip
    return msgspec.structs.replace(card, **fields)


def make_report(store: RunStore, scan: str, states: dict[str, RunState]) -> None:
    spec = make_scan(runs=tuple(states), reused=())
    spec = msgspec.structs.replace(spec, scan=scan)
    report = Report(
        scan=scan, spec=spec, runs=tuple(make_result(spec, run, state) for run, state in states.items()),
        comparison=Comparison(agree=True), recommendation=Recommendation(run=None, reasons=()), created_ms=1,
    )  # fmt: skip
    store.client.zadd(store.keys.scans(), {scan: 1})
    store.client.set(store.keys.report(scan), encode(report))
    store.client.set(store.keys.reported(scan), 1)


def test_a_host_is_up_while_it_beats_and_down_for_a_day_after(store: RunStore, scraped: Scraped) -> None:
    for host in ("h1", "h2", "h3"):
        store.register_host(make_card(host), ttl_s=6000)
    store.client.delete(store.keys.host("h2"))
    store.drop_host("h3")
    store.client.zadd(store.keys.hosts(), {"long ago": (time.time() - 90_000) * 1000})
    assert scraped.read()["host_up"] == {("h1",): 1, ("h2",): 0}


def test_a_card_says_what_a_host_has_and_uses(store: RunStore, scraped: Scraped) -> None:
    card = make_card(
        load_1m=0.5, memory_used_mb=512, disk_mb=2048, disk_used_mb=1, taking=False, licence_expires="2026-12-31"
    )
    store.register_host(card, ttl_s=6000)
    found = scraped.read()
    names = ("slots", "running_runs", "solvers", "cores", "load1", "taking", "memory_bytes", "memory_used_bytes")
    assert [found[f"host_{name}"]["h1",] for name in names] == [4, 1, 1, 8, 0.5, 0, 1 << 30, 1 << 29]
    assert [found[f"host_disk{name}_bytes"]["h1",] for name in ("", "_used")] == [1 << 31, 1 << 20]
    assert found["licence_expiry_timestamp_seconds"]["h1",] == 1798761600  # the first second of 2027, UTC


def test_a_control_worker_is_a_host_without_slots(store: RunStore, scraped: Scraped) -> None:
    store.register_host(make_card("control@h1", roles=("control",), queues=("control",)), ttl_s=6000)
    found = scraped.read()
    assert found["host_up"] == {("control@h1",): 1}
    assert "host_slots" not in found


def test_runs_are_counted_by_state_and_the_longest_wait_by_queue(
    store: RunStore, scraped: Scraped, submit: Submit
) -> None:
    submit()
    scraped.sweeper.sweep(0.0)
    store.client.lpush(store.keys.queue_lists("solve.gams.cplex")[3], "m", "m")
    found = scraped.read()
    assert found["scans_open"] == {(): 1}
    assert found["runs"] == {(state,): 2 if state is RunState.QUEUED else 0 for state in RunState}
    assert found["queue_messages"] == {("control", "", ""): 0, ("solve.gams.cplex", "gams", "cplex"): 2}
    assert found["waiting_runs"] == {("control", "", ""): 0, ("solve.gams.cplex", "gams", "cplex"): 2}
    (waited,) = found["oldest_waiting_run_seconds"].items()
    assert waited[0] == ("solve.gams.cplex", "gams", "cplex")
    assert waited[1] == pytest.approx(time.time() - 1, abs=60)  # asked for at 1970


def test_seats_are_counted_where_they_are_set(store: RunStore, scraped: Scraped) -> None:
    assert not {"seats", "seats_in_use", "seats_waiting_runs"} & scraped.read().keys()
    store.set_seats("cplex", 2)
    store.set_seats("gurobi", 0)
    soon = store.server_ms() + 60_000
    store.client.zadd(
        store.keys.held_seats(), {"cplex h1 s1 cplex.a 1": soon, "cplex garbage": soon, "highs h1 s r 1": 1}
    )
    store.client.zadd(store.keys.line(), {"s1 gurobi.c": 1})
    store.client.hset(store.keys.line_needs(), "s1 gurobi.c", "solve.gams.gurobi gams.gurobi 1 0")
    found = scraped.read()
    assert found["seats"] == {("cplex",): 2, ("gurobi",): 0}
    assert found["seats_in_use"] == {("cplex",): 2, ("gurobi",): 0}
    assert found["seats_waiting_runs"] == {("cplex",): 0, ("gurobi",): 1}


def test_finished_runs_are_those_of_reports_by_verdict_or_state(store: RunStore, scraped: Scraped) -> None:
    make_report(store, "s1", {"cplex.a": RunState.DONE, "cplex.b": RunState.FAILED})
    make_report(store, "s2", {"cplex.a": RunState.DONE, "mine.b": RunState.DONE})
    cplex = {("gams", "cplex", "optimal"): 3.0, ("gams", "cplex", "failed"): 1.0}
    assert scraped.read()["finished_runs"] == cplex
    store.client.zrem(store.keys.scans(), "s2")
    assert scraped.read()["finished_runs"] == {("gams", "cplex", "optimal"): 1, ("gams", "cplex", "failed"): 1}


def test_a_report_is_read_once_and_so_many_a_scrape(
    store: RunStore, scraped: Scraped, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(team_metrics, "REPORTS_A_SCRAPE", 2)
    for number in range(3):
        make_report(store, f"s{number}", {"cplex.a": RunState.DONE})
    for seen in (2, 3, 3):
        assert scraped.read()["finished_runs"] == {("gams", "cplex", "optimal"): seen}
    for number in range(3):
        store.client.delete(store.keys.report(f"s{number}"))
    assert scraped.read()["finished_runs"] == {("gams", "cplex", "optimal"): 3}


def test_what_the_broker_the_store_and_dead_letters_take_is_said(store: RunStore, scraped: Scraped) -> None:
    store.client.hset(store.keys.dead_counts(), mapping={"it has callbacks": 3, "it is no object": 1})
    store.client.hset(store.keys.blob_bytes(), mapping={"used": 12345, "0" * 64: 12345})
    found = scraped.read()
    assert found["dead_letters"] == {("it has callbacks",): 3, ("it is no object",): 1}
    assert found["store_used_bytes"] == {(): 12345}
    assert found["broker_used_bytes"][()] > 0
    assert found["broker_limit_bytes"] == {(): 0}
    assert (found["broker_up"], found["build_info"]) == ({(): 1}, {("1.2.3",): 1})


def spoil_card(store: RunStore) -> None:
    store.client.zadd(store.keys.hosts(), {b"\xff": 9e15})
    store.client.set(store.keys.host("h2"), b"\xff garbage")
    store.client.zadd(store.keys.hosts(), {"h2": 9e15})
    bad = msgspec.json.decode(encode(make_card("h3"))) | {"licence_expires": "someday"}
    store.client.set(store.keys.host("h3"), msgspec.json.encode(bad | {"memory_mb": 2**63, "load_1m": 1e308}))
    store.client.zadd(store.keys.hosts(), {"h3": 9e15})


def spoil_queue(store: RunStore) -> None:
    store.client.set(store.keys.queue_lists("control")[0], "no list")


def spoil_reports(store: RunStore) -> None:
    make_report(store, "s1", {"cplex.a": RunState.DONE})
    store.client.set(store.keys.report("s1"), b"\xff no report")
    store.client.zadd(store.keys.scans(), {b"\xff": 2})


def spoil_report_key(store: RunStore) -> None:
    make_report(store, "s1", {"cplex.a": RunState.DONE})
    store.client.delete(store.keys.report("s1"))
    store.client.lpush(store.keys.report("s1"), "x")


@pytest.mark.parametrize(
    ("spoil", "unreadable"),
    [
        (spoil_card, set()),
        (spoil_queue, set()),
        (spoil_reports, set()),
        (spoil_report_key, set()),
        (lambda store: store.client.set(store.keys.hosts(), "x"), {"team"}),
        (lambda store: store.client.set(store.keys.scans(), "x"), set()),
        (lambda store: store.client.set(store.keys.dead_counts(), "x"), set()),
        (lambda store: store.client.hset(store.keys.dead_counts(), "x", "many"), set()),
        (lambda store: store.client.set(store.keys.blob_bytes(), "x"), {"store"}),
        (lambda store: store.client.hset(store.keys.blob_bytes(), "used", "much"), {"store"}),
    ],
)
def test_one_key_that_cannot_be_read_costs_no_scrape(
    store: RunStore, scraped: Scraped, spoil: Callable[[RunStore], None], unreadable: set[str]
) -> None:
    store.register_host(make_card(), ttl_s=6000)
    spoil(store)
    found = scraped.read()
    assert {part for (part,) in found.get("unreadable", {})} == unreadable
    assert found["broker_used_bytes"][()] > 0
    if "team" not in unreadable:
        assert found["host_slots"]["h1",] == 4


def test_no_label_is_what_a_client_made_up(store: RunStore, scraped: Scraped, submit: Submit) -> None:
    spec = submit(client="ada@laptop")
    raw = msgspec.json.decode(store.client.get(store.keys.run(spec.scan, "cplex.a")))
    store.client.set(store.keys.run(spec.scan, "cplex.a"), msgspec.json.encode(raw | {"queue": "solve.gams.my_secret"}))
    store.client.set(store.keys.host(":x"), "")
    make_report(store, "s2", {"cplex.a": RunState.DONE})
    text = store.client.get(store.keys.report("s2")).replace(b'"solver":"cplex"', b'"solver":"my_secret"')
    store.client.set(store.keys.report("s2"), text)
    scraped.sweeper.sweep(0.0)
    found = scraped.read()
    words = {word for values in found.values() for labels in values for word in labels}
    assert words <= {*RunState, "gams", "cplex", "solve.gams.cplex", "control", "other", "optimal", "1.2.3", ""}
    assert found["finished_runs"] == {("other", "other", "optimal"): 1}
    assert set(found["oldest_waiting_run_seconds"]) == {("other", "", ""), ("solve.gams.cplex", "gams", "cplex")}


def test_without_a_broker_the_scrape_still_answers(tmp_path: Path, store: RunStore) -> None:
    found = Scraped(store, f"redis+socket://{tmp_path}/nobody").read()
    assert found == {"build_info": {("1.2.3",): 1}, "broker_up": {(): 0}}


def test_a_thousand_hosts_and_scans_are_scraped_in_few_questions(store: RunStore, scraped: Scraped) -> None:
    for number in range(1000):
        store.register_host(make_card(f"h{number}"), ttl_s=600)
        make_report(store, f"s{number}", {"cplex.a": RunState.DONE})

    def trips() -> int:
        return int(store.client.info("stats")["total_reads_processed"])

    before = trips()
    found = scraped.read()
    assert len(found["host_slots"]) == team_metrics.MOST_VALUES
    assert trips() - before < 200  # 43 here; a question for each host or scan would be more than a thousand


def get(port: int, page: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/{page}", timeout=PATIENCE_S) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except OSError:
        return 0, ""


def wait_for_health(port: int, said: tuple[int, str] = (200, "ok\n")) -> None:
    wait_until(lambda: get(port, "healthz") == said, timeout_s=PATIENCE_S + 30, what=f"{port} says {said}")


@pytest.mark.long
def test_a_real_team_shows_its_metrics_and_its_health(team: Team) -> None:
    control, solver = free_port(), free_port()
    worker = team.worker("c", "--role", "control", f"--metrics-port={control}")
    team.worker("h1", "--role", "solve", "--slots", "1", TIMES_DOCTOR_METRICS_PORT=str(solver))
    wait_for_health(control)
    wait_for_health(solver)
    assert get(solver, "metrics")[0] == 404
    spec = team.submit({"a": "", "b": ""}, model=endless_mps())
    wait_until(lambda: 'times_doctor_runs{state="running"} 1.0' in get(control, "metrics")[1], timeout_s=PATIENCE_S)
    text = get(control, "metrics")[1]
    named = {line.split()[2] for line in text.splitlines() if line.startswith("# TYPE")}
    assert {name.removesuffix("_total") for name in named} <= {name.removesuffix("_total") for name in METRICS}
    assert 'times_doctor_host_cores{host="h1"}' in text
    assert spec.scan not in text
    team.broker.kill()
    wait_for_health(control, (503, "unswept\n"))
    assert "times_doctor_broker_up 0.0" in get(control, "metrics")[1]
    assert get(solver, "healthz") == (200, "ok\n")
    team.broker.start()
    wait_for_health(control)
    worker.wait_for("redis_back")
    first, *others = worker.log.splitlines()
    assert "control worker, makes reports and recovers runs" in first
    assert f"answers on port {control} of 127.0.0.1" in first
    # Some 70 looks failed in half a minute: said at once, each 30 s, and when it was over.
    assert len(others) < 10
    assert {line.partition("action=redis_")[2] for line in others} == {"away)", "back)"}


@pytest.mark.long
def test_of_both_roles_each_has_a_port_and_starts_before_the_broker_answers(team: Team) -> None:
    port = free_port()
    while port >= 65_534:
        port = free_port()
    team.broker.kill()
    team.worker("h1", "--metrics-port", str(port), wait=False)
    wait_for_health(port + 1, (503, "starting\n"))
    team.broker.start()
    wait_for_health(port)
    wait_for_health(port + 1)
    assert get(port, "metrics")[0] == 200
