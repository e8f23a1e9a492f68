from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable

import pytest
import redis

from tests.faults.invariants import check
from tests.integration.workers import Team, Worker, endless_mps
from times_doctor_tasks.messages import ScanSpec
from times_doctor_tasks.states import RunState, ScanMode

pytestmark = [pytest.mark.server, pytest.mark.faults, pytest.mark.timeout(900)]

SEED = int(os.environ.get("TD_CHAOS_SEED", "1"))
SECONDS = float(os.environ.get("TD_CHAOS_S", "60"))
HOSTS = ("h1", "h2", "h3")
#: Scans that are under way all the time.
OPEN_SCANS = 2


class Chaos:
    """Does one bad thing after the other to a team, and mends it again."""

    def __init__(self, team: Team, dice: random.Random) -> None:
        self.team = team
        self.dice = dice
        self.workers = {name: self._start(name) for name in HOSTS}
        self.done: dict[str, int] = {}

    def _start(self, name: str) -> Worker:
        role = ("--role", "both" if name != "h3" else "solve")
        return self.team.worker(name, *role, "--slots", "2", wait=False, TIMES_DOCTOR_DRAIN_S="0.5")

    def strike(self) -> None:
        fault: Callable[[], None] = self.dice.choice(
            [self.kill, self.kill, self.stop, self.drain, self.restart_broker, self.cut_connections]
        )
        self.done[fault.__name__] = self.done.get(fault.__name__, 0) + 1
        fault()

    def mend(self) -> None:
        for name, worker in self.workers.items():
            if worker.process.poll() is not None:
                self.workers[name] = self._start(name)

    def kill(self) -> None:
        name = self.dice.choice(HOSTS)
        self.workers[name].close()
        time.sleep(self.dice.uniform(0, 2))
        self.workers[name] = self._start(name)

    def stop(self) -> None:
        worker = self.workers[self.dice.choice(HOSTS)]
        if worker.process.poll() is None:
            worker.signal(signal.SIGSTOP)
            time.sleep(self.dice.uniform(0.1, 6))
            worker.signal(signal.SIGCONT)

    def drain(self) -> None:
        worker = self.workers[self.dice.choice(HOSTS)]
        if worker.process.poll() is None:
            worker.signal(signal.SIGTERM)
            if self.dice.random() < 0.3:
                time.sleep(self.dice.uniform(0, 0.3))
                worker.signal(signal.SIGTERM)

    def restart_broker(self) -> None:
        time.sleep(1.1)  # appendfsync everysec: what a test submitted a second ago is on disk
        self.team.broker.kill()
        time.sleep(self.dice.uniform(0, 4))
        self.team.broker.start()

    def cut_connections(self) -> None:
        client = self.team.store.client
        for entry in client.client_list():
            if self.dice.random() < 0.5 and entry["cmd"] != "client|list":
                try:
                    client.client_kill_filter(_id=entry["id"])
                except redis.ResponseError:
                    continue  # it went by itself


def _submit(team: Team, dice: random.Random) -> ScanSpec:
    mode = dice.choice([ScanMode.CHORD, ScanMode.CHORD, ScanMode.CHAIN])
    amount = 3 if mode is ScanMode.CHAIN else 8
    limits = {f"p{n}": f"time_limit = {dice.uniform(0.05, 2.5):.2f}\n" for n in range(amount)}
    return team.submit(limits, model=endless_mps(), mode=mode, lease_s=3.0, max_attempts=20)


def test_random_faults_lose_nothing_double_nothing_and_hang_nothing(team: Team, tell: Callable[..., None]) -> None:
    dice = random.Random(SEED)
    chaos = Chaos(team, dice)
    specs: list[ScanSpec] = []
    until_s = time.monotonic() + SECONDS
    while time.monotonic() < until_s:
        while sum(not team.store.is_reported(spec.scan) for spec in specs) < OPEN_SCANS:
            specs.append(_submit(team, dice))
        chaos.strike()
        chaos.mend()
        time.sleep(dice.uniform(0, 1.5))
    for _ in range(10):
        chaos.mend()
        time.sleep(0.2)

    began_s = time.monotonic()
    check(team, specs, hosts=HOSTS)
    settled_s = time.monotonic() - began_s
    runs = [run for spec in specs for run in team.report(spec).runs]
    attempts = sum(len(run.attempts) for run in runs)
    tell(seed=SEED, faults=chaos.done, runs=len(runs), attempts=attempts, settled_s=round(settled_s, 1))
    assert {run.state for run in runs} == {RunState.DONE}
