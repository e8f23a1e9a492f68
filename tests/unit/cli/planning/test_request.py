from __future__ import annotations

from pathlib import Path

import pytest

from times_doctor_cli.planning.request import ScanRequest, number_or_auto
from times_doctor_tasks.config.settings import Settings, parse_duration
from times_doctor_tasks.contract.errors import UsageError


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"queue": True, "gams_path": Path("/gams")}, "--gams-path with --queue: each host uses its own GAMS"),
        ({"detach": True}, "--detach needs --queue"),
        ({"hosts": ("h1",)}, "--hosts needs --queue"),
        ({"cap_factor": 0.5}, "--cap 0.5: expected 1 or more"),
        ({"cap_factor": float("nan")}, "--cap nan"),
        ({"repeat_budget_s": 60.0}, "--repeat-budget needs --repeat auto"),
        ({"repeat": None, "repeat_budget_s": 0.0}, "--repeat-budget 0: expected more than 0"),
        ({"repeat": None, "race": True}, "--race with --repeat auto"),
        ({"repeat": None, "resume": True}, "--resume with --repeat auto"),
        ({"priority": "urgent"}, "--priority 'urgent'"),
        ({"wait_licence_min": -1.0}, "--wait-for-licence -1"),
        ({"notify": "anna"}, "--notify needs --queue: a team's control worker sends the messages"),
        ({"queue": True, "notify": ""}, "--notify: expected a name that the team's control worker knows, or none"),
    ],
)
def test_flags_that_make_no_sense_are_refused_in_one_line(fields: dict[str, object], words: str) -> None:
    with pytest.raises(UsageError, match=words) as caught:
        ScanRequest(run_path=Path(), **fields)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["mailto://anna:hunter2@h", "hunter2 anna", "-x", "hunter2" * 9, "hunter2\n"])
def test_an_address_in_place_of_a_name_is_refused_and_not_shown(name: str) -> None:
    with pytest.raises(UsageError, match="an address belongs in its file") as caught:
        ScanRequest(run_path=Path(), queue=True, notify=name)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("name", ["anna", "anna@desk", "team-1.x", "none"])
def test_a_name_to_tell_is_taken(name: str) -> None:
    assert ScanRequest(run_path=Path(), queue=True, notify=name).notify == name


def test_race_and_cap_go_with_and_without_the_queue() -> None:
    for queue in (True, False):
        request = ScanRequest(run_path=Path(), queue=queue, race=True, cap_factor=3.0, resume=True)
        assert (request.race, request.cap_factor) == (True, 3.0)


def test_configuration_speaks_where_the_command_line_does_not() -> None:
    settings = Settings(max_workers=3, timeout_s=60.0)
    request = ScanRequest(run_path=Path(), timeout_s=5.0).with_configured(settings)
    assert (request.max_workers, request.timeout_s) == (3, 5.0)


@pytest.mark.parametrize(("text", "repeat"), [("1", 1), ("3", 3), ("auto", None)])
def test_repeats_are_a_number_or_open(text: str, repeat: int | None) -> None:
    assert number_or_auto("--repeat", text) == repeat


@pytest.mark.parametrize("text", ["", "-1", "often", "1.5"])
def test_other_words_for_repeats_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match=f"--repeat '{text}': expected a whole number, or 'auto'"):
        number_or_auto("--repeat", text)


@pytest.mark.parametrize("text", ["", "soon", "-5s", "5 days", "1e3", "nan"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"--repeat-budget .*: expected a time such as 90s, 10min or 2h"):
        parse_duration("--repeat-budget", text)
