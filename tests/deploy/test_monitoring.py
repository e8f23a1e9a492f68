"""What is under deploy/ for Prometheus and Grafana names metrics that there are, and is what promtool takes."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from times_doctor_worker.monitoring.team_metrics import METRICS

ROOT = Path(__file__).parents[2]
PROMETHEUS = ROOT / "deploy" / "prometheus"
ALERTS = (PROMETHEUS / "alerts.yml").read_text("utf-8")
PAGE = (ROOT / "docs" / "operations.md").read_text("utf-8")
DASHBOARD: dict[str, Any] = json.loads((ROOT / "deploy" / "grafana" / "times-doctor.json").read_text("utf-8"))
with_promtool = pytest.mark.skipif(
    not shutil.which("promtool"), reason="promtool is not installed: apt install prometheus"
)


def promtool(*words: str, folder: Path) -> str:
    done = subprocess.run(["promtool", *words], cwd=folder, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def queries() -> list[str]:
    return [target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]]


@with_promtool
@pytest.mark.timeout(60)
def test_promtool_has_nothing_to_say_about_scrape_and_alerts() -> None:
    said = promtool("check", "config", "prometheus.yml", folder=PROMETHEUS)
    assert "is valid prometheus config file syntax" in said
    assert f"SUCCESS: {ALERTS.count('alert: ')} rules found" in said


@with_promtool
@pytest.mark.timeout(60)
def test_each_alert_fires_when_it_should_and_none_in_a_team_that_is_well(tmp_path: Path) -> None:
    shutil.copy(PROMETHEUS / "alerts.yml", tmp_path)
    shutil.copy(Path(__file__).with_name("alerts_test.yml"), tmp_path)
    assert "SUCCESS" in promtool("test", "rules", "alerts_test.yml", folder=tmp_path)


def test_each_alert_has_a_test_of_its_own_and_a_row_in_the_page() -> None:
    names = set(re.findall(r"alert: (\w+)", ALERTS))
    tested = Path(__file__).with_name("alerts_test.yml").read_text("utf-8")
    assert names == set(re.findall(r'alertname="(\w+)"', tested))
    assert names == set(re.findall(r"^\| `(TimesDoctor\w+)` \|", PAGE, re.MULTILINE))


@pytest.mark.parametrize("text", [ALERTS, *queries()])
def test_only_metrics_that_there_are_are_asked_for(text: str) -> None:
    assert set(re.findall(r"\btimes_doctor_\w+", text)) <= set(METRICS)


def test_the_page_has_every_metric_with_its_labels_and_words() -> None:
    rows = re.findall(r"^\| `(times_doctor_\w+)` \| (.*) \| (.*) \|$", PAGE, re.MULTILINE)
    assert rows == [(name, ", ".join(labels), words) for name, (labels, words) in METRICS.items()]


def test_no_label_names_a_person_a_model_or_a_run() -> None:
    labels = {label for names, _ in METRICS.values() for label in names}
    assert labels == {"version", "part", "host", "queue", "engine", "solver", "state", "verdict", "reason"}


def test_every_panel_shows_something_of_a_source_that_can_be_chosen() -> None:
    assert len(DASHBOARD["panels"]) == len({panel["title"] for panel in DASHBOARD["panels"]})
    for panel in DASHBOARD["panels"]:
        assert panel["targets"]
        assert {target["datasource"]["uid"] for target in panel["targets"]} == {"${datasource}"}
        assert panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24
