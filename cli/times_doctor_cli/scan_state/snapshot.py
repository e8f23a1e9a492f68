"""The current state of a scan as a board, for `status` and for a late watcher's start."""

from __future__ import annotations

from times_doctor_cli.client.event_stream import history
from times_doctor_cli.client.session import Client
from times_doctor_cli.scan_state.board import Board
from times_doctor_tasks.contract.messages import Reported, ScanSpec, StateChanged


def board_of(client: Client, spec: ScanSpec) -> Board:
    """The board of a scan from its documents. May raise `redis.RedisError`."""
    store = client.store
    board = Board.of(spec, store.runs(spec))
    results = store.results(spec, attempts=False)
    for at_ms, event in history(spec, store.scan_status(spec), results):
        result = results.get(event.run) if isinstance(event, StateChanged) else None
        if result is None or not board.settle(result, at_ms=at_ms):
            board.apply(event, at_ms=at_ms)
    if store.is_reported(spec.scan):
        board.apply(Reported(), at_ms=spec.created_ms)
    board.take_notices()
    return board
