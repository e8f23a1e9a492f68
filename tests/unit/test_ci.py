"""What CI, pre-commit and the issue templates say is well formed and names what there is."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

TOP = Path(__file__).parents[2]
WORKFLOW: dict[Any, Any] = yaml.safe_load((TOP / ".github/workflows/ci.yml").read_text("utf-8"))
TARGETS = set(re.findall(r"^([a-z-]+):", (TOP / "Makefile").read_text("utf-8"), re.MULTILINE))


@pytest.mark.parametrize("name", sorted(WORKFLOW["jobs"]))
def test_a_job_has_a_machine_a_time_limit_and_steps_that_do_one_thing_each(name: str) -> None:
    job = WORKFLOW["jobs"][name]
    assert {"runs-on", "steps", "timeout-minutes"} <= set(job)
    for step in job["steps"]:
        assert len({"uses", "run"} & set(step)) == 1, step
        assert re.fullmatch(r"[\w-]+/[\w-]+@v\d+", step.get("uses", "a/b@v1"))


def test_what_ci_and_pre_commit_call_is_there() -> None:
    hooks = yaml.safe_load((TOP / ".pre-commit-config.yaml").read_text("utf-8"))["repos"][0]["hooks"]
    said = [s.get("run", "") for job in WORKFLOW["jobs"].values() for s in job["steps"]] + [h["entry"] for h in hooks]
    called = {target for words in said for target in re.findall(r"make ([a-z-]+)", words)}
    assert {"lint", "test", "test-long", "docs", "house"} <= called <= TARGETS
    folders = {word for words in said for word in words.split() if word.startswith("tests/")}
    assert [folder for folder in folders if not (TOP / folder).is_dir()] == []


def test_ci_runs_every_python_that_the_package_names() -> None:
    project = tomllib.loads((TOP / "pyproject.toml").read_text("utf-8"))["project"]
    named = re.findall(r"Python :: (3\.\d+)", "\n".join(project["classifiers"]))
    assert set(named) <= set(WORKFLOW["jobs"]["linux"]["strategy"]["matrix"]["python"])


@pytest.mark.parametrize("path", sorted((TOP / ".github/ISSUE_TEMPLATE").glob("*.yml")), ids=lambda path: path.name)
def test_an_issue_form_asks_for_what_it_needs(path: Path) -> None:
    form = yaml.safe_load(path.read_text("utf-8"))
    if path.name == "config.yml":
        return
    assert {"name", "description", "body"} <= set(form)
    ids = [part["id"] for part in form["body"] if part["type"] != "markdown"]
    assert len(ids) == len(set(ids)) > 0
    assert all(part["attributes"].get("label") for part in form["body"] if part["type"] != "markdown")


def test_constraints_are_exact_versions_and_name_no_index() -> None:
    lines = [line for line in (TOP / "constraints.txt").read_text("utf-8").splitlines() if not line.startswith("#")]
    assert len(lines) > 50
    assert [line for line in lines if not re.fullmatch(r"[\w.-]+==[\w.]+", line)] == []
    ignored = subprocess.run(["git", "check-ignore", "constraints.txt"], cwd=TOP, check=False, capture_output=True)
    assert ignored.returncode != 0
