"""Three hosts, one of them 50 ms away, a broker and a laptop: `make test-cluster`, `make test-cluster-guarded`.

About five minutes. Not collected by `make test-all`: it needs root, and figures that are worth something need a quiet
machine.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

import pytest
from tools.sample.__main__ import large_plan, system

from tests.cluster.cluster import PATIENCE_S, Cluster
from tests.cluster.network import why_no_network
from tests.conftest import server_program, wait_until
from tests.faults.guarded_door import ALL_GUARDED, server_with_tls
from tests.integration.workers import endless_mps

pytestmark = [pytest.mark.server, pytest.mark.timeout(400)]

HOSTS = ("h1", "h2", "h3")
LEASE_S = 5.0
DELAY_MS = 50.0
PROFILES = ("-p", "dual", "-p", "bar", "-p", "bar_nox")


def say(words: str) -> None:
    sys.stdout.write(f"  {words}\n")


def small_plan() -> bytes:
    """The sample system over five weather years: one or two seconds of HiGHS."""
    return large_plan(system().names("WY")[:5])


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    if reason := why_no_network():
        pytest.skip(reason)
    program = server_with_tls() if ALL_GUARDED else server_program()
    cluster = Cluster(LEASE_S, program, is_guarded=ALL_GUARDED)
    try:
        for name in ("broker", "laptop", *HOSTS):
            cluster.add(name)
        cluster.network.lengthen("h3", DELAY_MS)
        if cluster.is_guarded:
            cluster.add("control")
            cluster.guard()
        cluster.start_broker()
        if cluster.is_guarded:
            cluster.start_control()
        for name in HOSTS:
            cluster.start_host(name)
        wait_for_hosts(cluster)
        yield cluster
    finally:
        cluster.close()


def wait_for_hosts(cluster: Cluster) -> None:
    try:
        wait_until(lambda: cluster.hosts() == list(HOSTS), timeout_s=PATIENCE_S, what="three hosts are there")
    except AssertionError as error:
        logs = "\n".join(f"-- {name}\n{machine.log[-2000:]}" for name, machine in cluster.machines.items())
        raise AssertionError(f"{error}\n{logs}") from None


@pytest.fixture
def long_run(cluster: Cluster) -> Path:
    """A model that HiGHS works at until its time limit, beside an option file that sets one."""
    return cluster.put("endless.mps", endless_mps())


def limited(cluster: Cluster, seconds: int) -> tuple[str, Path]:
    return "--opt-file", cluster.put(f"limit{seconds}.opt", f"time_limit = {seconds}\n".encode())


def starts(report: dict[str, Any], run: str) -> list[tuple[str, float]]:
    """Host and server time of each attempt of a run."""
    (found,) = (result for result in report["runs"] if result["run"] == run)
    return [(attempt["host"], attempt["start_ms"] / 1000) for attempt in found["attempts"]]


def test_nine_runs_are_solved_by_three_hosts(cluster: Cluster) -> None:
    model = cluster.put("plan.mps", small_plan())
    scanning = cluster.scan(model, "--parallel", "--threads", "1", "--repeat", "3", *PROFILES)
    report = scanning.report()
    runs = report["runs"]
    assert scanning.process.returncode == 0
    assert Counter(run["verdict"] for run in runs) == {"optimal": 9}
    by_host = Counter(run["host"] for run in runs)
    assert set(by_host) == set(HOSTS)

    solves = sorted((run["started_ms"] / 1000, run["ended_ms"] / 1000, run["host"]) for run in runs)
    first, last = solves[0][0], max(end for _, end, _ in solves)
    gaps = {
        host: [after[0] - before[1] for before, after in pairwise(solve for solve in solves if solve[2] == host)]
        for host in HOSTS
    }
    busiest = max(sum(end - start for start, end, host in solves if host == name) for name in HOSTS)
    say(f"9 runs, by host: {dict(sorted(by_host.items()))}; h3 is {DELAY_MS:.0f} ms away each way")
    say(f"first solve to last {last - first:.2f} s (the busiest host solved for {busiest:.2f} s of it)")
    say(f"command to first solve {first - scanning.started_s:.2f} s, last solve to report and files "
        f"{scanning.ended_s - last:.2f} s")  # fmt: skip
    for host, found in gaps.items():
        if found:  # it may have had one run only
            say(f"{host}: {median(found) * 1000:.0f} ms from one solve's end to the next one's start (median)")
    assert last - first < busiest * 1.5 + 1


def test_the_run_of_a_host_that_dies_starts_elsewhere_within_the_lease_and_three_seconds(
    cluster: Cluster, long_run: Path
) -> None:
    scanning = cluster.scan(long_run, "--parallel", "--repeat", "2", "--threads", "1", *limited(cluster, 20))
    run, host = next(iter(scanning.wait_for_running(2).items()))
    killed_s = time.time()
    cluster.kill(host)
    report = scanning.report()
    (first, second) = starts(report, run)
    say(f"{host} was killed; {run} started on {second[0]} {second[1] - killed_s:.2f} s later (lease {LEASE_S:.0f} s)")
    assert (first[0], second[0] == host) == (host, False)
    assert second[1] - killed_s <= LEASE_S + 3
    assert [len(result["attempts"]) for result in report["runs"]] == [
        2 if r["run"] == run else 1 for r in report["runs"]
    ]
    cluster.start_host(host)
    wait_for_hosts(cluster)


def test_a_host_whose_cable_is_pulled_for_three_leases_does_not_solve_on_beside_another(
    cluster: Cluster, long_run: Path
) -> None:
    scanning = cluster.scan(long_run, "--threads", "1", *limited(cluster, 40))
    ((run, host),) = scanning.wait_for_running(1).items()
    machine = cluster.machines[host]
    pulled_s = time.time()
    cluster.network.unplug(host)
    while time.time() < pulled_s + 3 * LEASE_S:
        assert machine.engines(), "it goes on while its cable is out"
        time.sleep(0.2)
    cluster.network.plug(host)
    back_s = time.time()
    wait_until(lambda: not machine.engines(), timeout_s=PATIENCE_S, what="the former owner has stopped")
    stopped_s = time.time()
    report = scanning.report()
    (_, second) = starts(report, run)
    say(f"{host} without its cable for {back_s - pulled_s:.1f} s; {run} started on {second[0]} after "
        f"{second[1] - pulled_s:.2f} s; {host} stopped solving it {stopped_s - back_s:.2f} s after the cable was back: "
        f"{stopped_s - second[1]:.1f} s solved twice")  # fmt: skip
    assert second[0] != host
    assert second[1] - pulled_s <= LEASE_S + 3
    assert stopped_s - second[1] <= back_s - pulled_s
    assert report["runs"][0]["host"] == second[0]

    wait_for_hosts(cluster)
    again = cluster.scan(cluster.put("plan.mps", small_plan()), "--hosts", host, "-p", "bar_nox").report()
    assert [(r["host"], r["verdict"]) for r in again["runs"]] == [(host, "optimal")]


def test_a_broker_that_dies_and_comes_back_with_its_log_loses_nothing_and_restarts_nothing(
    cluster: Cluster, long_run: Path
) -> None:
    scanning = cluster.scan(long_run, "--parallel", "--repeat", "4", "--threads", "1", *limited(cluster, 12))
    scanning.wait_for_running(3)
    killed_s = time.time()
    cluster.kill("broker")
    while time.time() < killed_s + 3:
        time.sleep(0.1)
    cluster.start_broker()
    report = scanning.report()
    attempts = [len(run["attempts"]) for run in report["runs"]]
    say(f"the broker was away for 3 s with 3 runs solving and 1 waiting; all was over "
        f"{scanning.ended_s - killed_s:.1f} s after it died; attempts {attempts}")  # fmt: skip
    assert attempts == [1, 1, 1, 1]
    assert {run["verdict"] for run in report["runs"]} == {"limit"}
