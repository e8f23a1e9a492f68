"""Shows a scan until it is over: folds its events into a board, and turns the user's choices into cancel flags."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

import redis
from rich.console import Console

from times_doctor_cli.client.event_stream import Feed, TimedEvent
from times_doctor_cli.client.session import Client
from times_doctor_cli.client.team_look import TeamReader
from times_doctor_cli.live.interrupts import Signals
from times_doctor_cli.live.loop import Shown, show
from times_doctor_cli.scan_state.board import Board
from times_doctor_cli.scan_state.menu import Choice, Wish
from times_doctor_cli.scan_state.rows import Notice
from times_doctor_tasks.contract.clock import monotonic_s
from times_doctor_tasks.contract.errors import BrokerUnavailable
from times_doctor_tasks.contract.messages import ScanSpec

#: Seconds between looks at the team while a scan is watched.
PLACES_S = 3.0
#: Runs that add one second to the time between looks: each is read.
RUNS_A_S = 100
#: Said when the last control worker has gone, and when one is there again.
NO_CONTROL = "No control worker is live: the report waits for one. Start `times-doctor worker --role control`."
CONTROL_BACK = "A control worker is live again."


def show_scan(
    client: Client,
    spec: ScanSpec,
    board: Board,
    console: Console,
    *,
    can_detach: bool,
    is_mine: bool,
    signals: Signals | None,
    check: Callable[[], None],
) -> Shown:
    """Shows the scan until its report exists; Ctrl-C becomes cancel flags.

    `check` is called now and then: it raises if the scan cannot go on. For the others see `live.loop.show`.
    """
    source = _Source(client, spec, board, check, in_team=can_detach)
    return show(
        source,
        board,
        console,
        on_interrupt=source.obey,
        result_of=source.feed.result_of,
        can_detach=can_detach,
        is_mine=is_mine,
        owner=client.other_owner(spec),
        signals=signals,
        notify=client.settings.notify,
        now_ms=client.now_ms,
    )


class _Source:
    """The events, and cancel flags that wait while the broker is away."""

    def __init__(
        self, client: Client, spec: ScanSpec, board: Board, check: Callable[[], None], *, in_team: bool
    ) -> None:
        self._check = check
        self.feed = Feed(client, spec)
        self._client = client
        self._scan = spec.scan
        self._board = board
        self._wishes: list[Choice] = []
        self._reader = TeamReader(client) if in_team else None
        self._next_look_s = 0.0
        self._has_control = True

    def next_events(self, timeout_s: float) -> list[TimedEvent] | None:
        """See `loop.EventSource`."""
        self._check()
        self._send()
        self._look_round()
        return self.feed.next_events(timeout_s)

    def obey(self, choice: Choice) -> None:
        """Sends the user's choice at once, or as soon as the broker answers."""
        if choice.wish in (Wish.CANCEL_SOME, Wish.CANCEL_ALL, Wish.CANCEL_NOW):
            self._wishes.append(choice)
            if not self._send():
                words = "The broker does not answer: the hosts learn of it as soon as it does. Do not leave before."
                self._board.tell(Notice("warning", words))

    def _look_round(self) -> None:
        """The places of its runs in the team's line, now and then."""
        if self._reader is None or monotonic_s() < self._next_look_s:
            return
        self._next_look_s = monotonic_s() + PLACES_S
        with contextlib.suppress(BrokerUnavailable):  # the event stream reports it
            look = self._reader.look()
            self._next_look_s += (len(look.waiting) + len(look.working)) / RUNS_A_S
            self._board.show_places(self._reader.words(look, self._scan))
            if self._has_control != self._reader.has_control:
                self._has_control = self._reader.has_control
                self._board.tell(Notice("info", CONTROL_BACK) if self._has_control else Notice("warning", NO_CONTROL))

    def _send(self) -> bool:
        while self._wishes:
            choice = self._wishes[0]
            runs = choice.runs if choice.wish is Wish.CANCEL_SOME else ("*",)
            try:
                self._client.cancel(self._scan, runs, now=choice.wish is Wish.CANCEL_NOW)
            except redis.RedisError:
                return False
            self._wishes.pop(0)
        return True
