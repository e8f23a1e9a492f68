from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from msgspec.structs import replace

from tests.unit.cli.planning.test_hosts import CONTROL, make_card
from tests.unit.cli.scans import drawn
from times_doctor_cli.client.health import (
    Finding,
    Level,
    Value,
    check_cache,
    check_environment,
    check_here,
    check_hosts,
    check_team,
    check_times_source,
    values_of,
)
from times_doctor_cli.views.checkup import checkup_view
from times_doctor_tasks.blob_store.base import StoreSight
from times_doctor_tasks.config.settings import Settings
from times_doctor_tasks.contract.hosts import HostCard
from times_doctor_tasks.contract.messages import SCHEMA

TODAY = date(2026, 11, 23)


def found(*cards: HostCard) -> dict[str, Finding]:
    return {finding.what: finding for finding in check_hosts(cards, version="1.0", today=TODAY)}


def test_a_team_without_workers_is_told_what_to_start() -> None:
    findings = found()
    assert {finding.level for finding in findings.values()} == {Level.FAIL}
    assert "--role control" in findings["control workers"].next_step
    assert "`times-doctor worker` on a machine with GAMS" in findings["solver hosts"].next_step


def test_hosts_that_are_as_they_must_be_need_no_line_each() -> None:
    assert set(found(CONTROL, make_card("h1", version="1.0"))) == {"control workers", "solver hosts"}


@pytest.mark.parametrize(
    ("changes", "level", "words", "step"),
    [
        ({"schemas": (SCHEMA + 1,)}, Level.FAIL, "upgrade times-doctor here", "Until then it takes no part."),
        ({"schemas": (SCHEMA - 1,)}, Level.FAIL, "upgrade times-doctor on h1", "Until then it takes no part."),
        ({"version": "0.9"}, Level.WARN, "runs times-doctor 0.9, here is 1.0", "Upgrade the older one."),
        ({"licence_expires": "2026-11-22"}, Level.FAIL, "ended on 2026-11-22", "Renew it there."),
        ({"licence_expires": "2026-11-24"}, Level.WARN, "ends on 2026-11-24, in 1 day", "Renew it there."),
        ({"notes": ("The disk is full.",)}, Level.WARN, "The disk is full.", ""),
    ],
)
def test_what_is_wrong_with_a_host_is_told_with_what_to_do(
    changes: dict[str, object], level: Level, words: str, step: str
) -> None:
    finding = found(CONTROL, make_card("h1", **changes))["host h1"]
    assert (finding.level, finding.next_step) == (level, step)
    assert words in finding.words


def test_a_host_with_another_store_fails_with_both_and_what_to_do() -> None:
    card = make_card("h1", version="1.0", store="redis://r:6379/0", store_id="b" * 16)
    cards, store = [CONTROL, card], StoreSight("/mnt/share", "a" * 16)
    findings = {found.what: found for found in check_hosts(cards, version="1.0", today=TODAY, store=store)}
    assert findings["host h1"].level is Level.FAIL
    assert "redis://r:6379/0, this machine /mnt/share" in findings["host h1"].words
    assert findings["host h1"].next_step.startswith("Set TIMES_DOCTOR_STORE_URL to the same store there and here")
    same = check_hosts(cards, version="1.0", today=TODAY, store=StoreSight("/mnt/share", "b" * 16))
    assert {found.level for found in same} == {Level.OK}


def test_an_ended_demo_licence_is_a_note_where_other_solvers_are_served() -> None:
    ended = {"licence": "demo licence, ended 2026-11-22", "licence_expires": "2026-11-22", "version": "1.0"}
    note = "The GAMS demo licence ended on 2026-11-22."
    served = make_card("h1", "highs.highs", notes=(note, "The disk is full."), **ended)
    findings = list(check_hosts([CONTROL, served], version="1.0", today=TODAY))[2:]
    assert [(finding.level, finding.words) for finding in findings] == [
        (Level.INFO, "its GAMS demo licence ended on 2026-11-22; it serves highs"),
        (Level.WARN, "The disk is full."),
    ]
    assert [finding.level for finding in check_here(served)] == [Level.OK, Level.INFO, Level.WARN]


@pytest.mark.parametrize(
    ("solvers", "licence"),
    [((), "demo licence, ended 2026-11-22"), (("highs.highs",), "licence ended 2026-11-22")],
)
def test_an_ended_licence_fails_where_nothing_is_served_or_it_was_no_demo(
    solvers: tuple[str, ...], licence: str
) -> None:
    card = make_card("h1", *solvers, licence=licence, licence_expires="2026-11-22", version="1.0")
    card = replace(card, solvers=solvers, engines={"highs": "1"} if solvers else {})
    assert found(CONTROL, card)["host h1"].level is Level.FAIL


def test_variables_that_nobody_reads_are_named_with_the_likely_one() -> None:
    environ = {"TIMES_DOCTOR_METRIC_PORT": "secret", "TIMES_DOCTOR_COLOUR": "1", "TIMES_DOCTOR_FLOWER_AUTH": "a:b"}
    near, far = sorted(check_environment({**environ, "PATH": "/"}), key=lambda finding: finding.words, reverse=True)
    assert (near.words, near.next_step) == (
        "TIMES_DOCTOR_METRIC_PORT is set, and nothing reads it",
        "Did you mean TIMES_DOCTOR_METRICS_PORT?",
    )
    assert far.next_step.startswith("Remove it.")
    assert {near.level, far.level} == {Level.WARN}


def test_a_licence_that_ends_later_is_not_worth_a_word() -> None:
    assert "host h1" not in found(CONTROL, make_card("h1", licence_expires="2026-12-31"))


def test_values_come_with_their_source_and_without_passwords(tmp_path: Path) -> None:
    environ = {"TIMES_DOCTOR_BROKER_URL": "redis://me:secret@h:6379/0", "HOME": str(tmp_path)}
    values = {value.name: value for value in values_of(Settings.load(environ, folder=tmp_path))}
    assert values["broker_url"] == Value(
        "broker_url", "redis://me:***@h:6379/0", "TIMES_DOCTOR_BROKER_URL", "TIMES_DOCTOR_BROKER_URL"
    )
    assert (values["lease_s"].value, values["lease_s"].origin) == ("30", "default")


def test_a_source_folder_that_is_not_there_fails_with_where_it_was_named(tmp_path: Path) -> None:
    settings = Settings(times_src=tmp_path / "gone", origins={"times_src": "TIMES_SRC"})
    finding = check_times_source(settings)
    assert finding.level is Level.FAIL
    assert "from TIMES_SRC" in finding.words
    assert check_times_source(Settings(times_src=tmp_path)).level is Level.OK


def test_a_cache_folder_that_is_a_file_fails(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("")
    assert check_cache(Settings(cache_dir=tmp_path / "cache" / "deeper")).level is Level.FAIL
    assert check_cache(Settings(cache_dir=tmp_path / "new" / "deeper")).level in (Level.OK, Level.WARN)


def test_no_broker_is_no_fault_and_a_dead_one_is() -> None:
    (none,) = check_team(Settings(), version="1.0", today=TODAY)
    (dead,) = check_team(Settings(broker_url="redis+socket:///nowhere/s"), version="1.0", today=TODAY)
    assert (none.level, dead.level) == (Level.INFO, Level.FAIL)


def test_engines_here_are_listed_with_solvers_that_have_profiles() -> None:
    card = make_card("me", "gams.cplex", "gams.kestrel", "highs.highs", licence="demo licence, until 2026-11-26")
    assert [finding.words for finding in check_here(card)] == [
        "54.6, demo licence, until 2026-11-26; cplex",
        "54.6",
    ]
    assert check_here(None, "no server")[0].level is Level.WARN


def test_the_checkup_at_80_columns() -> None:
    findings = [
        Finding(Level.OK, "broker", "redis://b: Redis 7.2, answers in 0.4 ms"),
        Finding(
            Level.FAIL,
            "broker memory",
            "1.2 MB used of 9 MB; it evicts keys when full (allkeys-lru)",
            "Set `maxmemory-policy noeviction` on the server: a key that is gone is a run that is lost.",
        ),
    ]
    values = [Value("broker_url", "redis://b", "times-doctor.toml", "X"), Value("store_url", "", "default", "Y")]
    lines = [line.rstrip() for line in drawn(checkup_view(findings, values, unicode=True)).splitlines()]
    assert lines == [
        "✓ broker        redis://b: Redis 7.2, answers in 0.4 ms",
        "✗ broker memory 1.2 MB used of 9 MB; it evicts keys when full (allkeys-lru)",
        "                Set `maxmemory-policy noeviction` on the server: a key that is",
        "                gone is a run that is lost.",
        "",
        "Configuration",
        "  broker_url  redis://b  times-doctor.toml",
        "  store_url   not set    default",
        "",
        "1 thing must be put right.",
    ]
