from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from tests.unit.cli.planning.test_hosts import CONTROL, make_card
from tests.unit.cli.scans import drawn
from times_doctor_cli.client.scan_summaries import ScanLine
from times_doctor_cli.views.hosts import hosts_view
from times_doctor_cli.views.scans import scans_view, standing_words, started_words
from times_doctor_tasks.contract.messages import ScanSpec
from times_doctor_tasks.contract.states import RunState, ScanMode
from times_doctor_tasks.state_store.done_mark import DoneMark

NOON_MS = int(time.mktime((2026, 11, 23, 12, 0, 0, 0, 0, -1))) * 1000


def test_hosts_at_80_columns() -> None:
    busy = make_card(
        "solver-01",
        "gams.kestrel",
        "gams.cplex",
        version="0.1.0",
        running=("s a", "s b"),
        load_1m=7.25,
        licence="demo licence, until 2026-11-26",
        notes=("The GAMS demo licence ends in 3 days, on 2026-11-26. A newer gamspy-base brings a newer one.",),
    )
    old = make_card("solver-02", "highs.highs", taking=False, schemas=(2,))
    assert drawn(hosts_view([CONTROL, busy, old], unicode=True)).rstrip("\n").splitlines() == [
        "host      roles   slots used cores  memory load version",
        "control@c control",
        "solver-01 solve          2/4    16 31.2 GB 7.25 0.1.0",
        "  GAMS 54.6 (demo licence, until 2026-11-26): cplex, kestrel",
        "  ! The GAMS demo licence ends in 3 days, on 2026-11-26. A newer gamspy-base",
        "    brings a newer one.",
        "solver-02 solve          0/4    16 31.2 GB",
        "  HiGHS 54.6",
        "  ! is draining: running solves continue, no new ones start",
        "  ! speaks message version 2, this client 1: upgrade times-doctor here",
    ]


def test_scans_at_80_columns(make_scan_spec: Callable[..., ScanSpec]) -> None:
    model = make_scan_spec().model
    old = make_scan_spec(scan="261101-080000-aaaa", runs=("a", "b"), created_ms=NOON_MS - 22 * 86_400_000)
    new = make_scan_spec(scan="261123-115500-bbbb", runs=("a", "b", "c"), created_ms=NOON_MS - 300_000, model=model)
    lines = [
        ScanLine(new, {RunState.DONE: 1, RunState.RUNNING: 2}, mark=None),
        ScanLine(old, {RunState.DONE: 1, RunState.FAILED: 1}, DoneMark(recommended="cplex.bar")),
    ]
    assert drawn(scans_view(lines, width=80, unicode=True, now_ms=NOON_MS)).splitlines() == [
        "scan               started      model   by              runs state",
        "261123-115500-bbbb 11:55        parscen modeller@laptop  1/3 2 running",
        "261101-080000-aaaa 01 Nov 12:00 parscen modeller@laptop  2/2 cplex.bar won, 1 f…",
    ]


@pytest.mark.parametrize(
    ("counts", "mode", "words"),
    [
        ({RunState.QUEUED: 2, RunState.PARKED: 1}, ScanMode.CHORD, "2 waiting, 1 parked"),
        ({RunState.RUNNING: 1, RunState.PENDING: 2}, ScanMode.CHAIN, "one by one: 1 running, 2 waiting"),
        ({RunState.RUNNING: 1, RunState.CANCELLED: 1}, ScanMode.CHORD, "1 running, 1 cancelled by anna@pc"),
        ({RunState.DONE: 3}, ScanMode.CHORD, "making the report"),
    ],
)
def test_how_an_open_scan_stands(
    make_scan_spec: Callable[..., ScanSpec], counts: dict[RunState, int], mode: ScanMode, words: str
) -> None:
    assert standing_words(ScanLine(make_scan_spec(mode=mode), counts, None, ("anna@pc",))) == words


@pytest.mark.parametrize(
    ("counts", "mark", "words"),
    [
        ({RunState.DONE: 3}, DoneMark(), "ended"),
        ({RunState.DONE: 3}, DoneMark(recommended="cplex.bar"), "cplex.bar won"),
        (
            {RunState.DONE: 2, RunState.FAILED: 1},
            DoneMark(recommended="cplex.bar", failed=("cplex.dual",)),
            "cplex.bar won, failed: cplex.dual",
        ),
        ({RunState.FAILED: 1}, DoneMark(), "1 failed"),
        (
            {RunState.DONE: 3},
            DoneMark(recommended="cplex.bar", outcome="too close to call"),
            "cplex.bar (too close to call)",
        ),
        ({RunState.DONE: 3}, DoneMark(recommended="cplex.bar", outcome="tie"), "cplex.bar (a tie)"),
        ({RunState.DONE: 3}, DoneMark(recommended="cplex.bar", outcome="decided"), "cplex.bar won"),
        ({RunState.CANCELLED: 3}, DoneMark(), "3 cancelled by anna@pc and ben@pc"),
    ],
)
def test_how_an_ended_scan_came_out(
    make_scan_spec: Callable[..., ScanSpec], counts: dict[RunState, int], mark: DoneMark, words: str
) -> None:
    assert standing_words(ScanLine(make_scan_spec(), counts, mark, ("anna@pc", "ben@pc"))) == words


def test_a_scan_of_last_year_shows_its_year() -> None:
    assert started_words(NOON_MS - 400 * 86_400_000, NOON_MS) == "19 Oct 2025"
