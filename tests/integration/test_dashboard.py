"""The queries of deploy/, asked of a real Prometheus that scrapes a live control worker."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.conftest import wait_until
from tests.deploy.test_monitoring import ALERTS, PROMETHEUS, queries
from tests.faults.broker import free_port
from tests.integration.workers import PATIENCE_S, Team, endless_mps
from times_doctor_tasks.contract.messages import encode
from times_doctor_tasks.contract.states import RunState

pytestmark = [
    pytest.mark.server,
    pytest.mark.long,
    pytest.mark.timeout(180),
    pytest.mark.skipif(not shutil.which("prometheus"), reason="prometheus is not installed: apt install prometheus"),
]


class Prometheus:
    def __init__(self, folder: Path, scraped: int) -> None:
        self.port = free_port()
        folder.mkdir()
        text = (PROMETHEUS / "prometheus.yml").read_text("utf-8").replace("15s", "1s").replace(":9464", f":{scraped}")
        (folder / "prometheus.yml").write_text(text)
        shutil.copy(PROMETHEUS / "alerts.yml", folder)
        with (folder / "log").open("wb") as log:
            self.process = subprocess.Popen(
                ["prometheus", "--config.file=prometheus.yml", "--storage.tsdb.path=data",
                 f"--web.listen-address=127.0.0.1:{self.port}"],
                cwd=folder, stdout=log, stderr=log,
            )  # fmt: skip

    def ask(self, page: str, **words: str) -> Any:
        url = f"http://127.0.0.1:{self.port}/api/v1/{page}?{urllib.parse.urlencode(words)}"
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            if error.code == 503:
                return {}  # it starts
            raise AssertionError(f"{words}: {error.read().decode()}") from None
        except OSError:
            return {}

    def samples(self, query: str) -> list[Any]:
        found: list[Any] = self.ask("query", query=query).get("result", [])
        return found

    def close(self) -> None:
        self.process.kill()
        self.process.wait()


@pytest.fixture
def watched(team: Team, tmp_path: Path) -> Iterator[Prometheus]:
    """A team with a run that ended, one that runs, two that wait, seats, a dead letter and a licence."""
    port = free_port()
    team.worker("c", "--role", "control", f"--metrics-port={port}", TIMES_DOCTOR_STORE_URL="")
    team.worker("h1", "--role", "solve", "--slots", "1")
    team.report(team.submit({"a": ""}))
    spec = team.submit({"a": "", "b": "", "c": ""}, model=endless_mps())
    wait_until(
        lambda: RunState.RUNNING in {status.state for status in team.store.statuses(spec).values()},
        timeout_s=PATIENCE_S,
        what="one runs",
    )
    card = team.store.host("h1")
    assert card is not None
    licensed = msgspec.structs.replace(card, host="h2", licence_expires="2099-01-01")
    team.store.client.set(team.store.keys.host("h2"), encode(licensed))
    team.store.client.zadd(team.store.keys.hosts(), {"h2": 9e15})
    team.store.set_seats("cplex", 1)
    team.store.client.hset(team.store.keys.dead_counts(), "it is no object", 1)
    prometheus = Prometheus(tmp_path / "prometheus", port)
    yield prometheus
    prometheus.close()


def test_every_panel_finds_something_and_every_alert_can_be_asked(team: Team, watched: Prometheus) -> None:
    wait_until(
        lambda: (
            watched.samples('times_doctor_runs{state="running"} == 1') and watched.samples("times_doctor_finished_runs")
        ),
        timeout_s=PATIENCE_S,
        what="it is scraped",
    )
    assert [query for query in queries() if not watched.samples(query)] == []
    for alert in re.findall(r"^ {8}expr: (?!>-)(.*)$", ALERTS, re.MULTILINE):
        watched.samples(alert)
    wait_until(lambda: watched.ask("alerts").get("alerts"), timeout_s=PATIENCE_S, what="an alert is there")
    rules = [rule for group in watched.ask("rules")["groups"] for rule in group["rules"]]
    wait_until(
        lambda: all(rule["health"] == "ok" for group in watched.ask("rules")["groups"] for rule in group["rules"]),
        timeout_s=PATIENCE_S,
        what="every rule was asked",
    )
    assert len(rules) == ALERTS.count("alert: ")
    firing = {alert["labels"]["alertname"] for alert in watched.ask("alerts")["alerts"] if alert["state"] == "firing"}
    assert firing <= {"TimesDoctorDeadLetters"}
