"""Asks a host for the GDX of one run, and waits as long as the host makes progress."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from pathlib import PurePosixPath
from types import TracebackType
from typing import TypeAlias

import msgspec
import redis

from times_doctor_cli.client.host_cards import other_version
from times_doctor_cli.client.session import Client
from times_doctor_cli.terminal.units import size
from times_doctor_tasks.contract.clock import monotonic_s
from times_doctor_tasks.contract.errors import SchemaMismatch
from times_doctor_tasks.contract.hosts import HostCard
from times_doctor_tasks.contract.messages import RunResult
from times_doctor_tasks.state_store.gdx_requests import (
    SERVED,
    SERVED_VEDA,
    VEDA_FILE,
    GdxAnswer,
    GdxRequests,
    GdxState,
    Refusal,
    SendGdx,
)

#: The kinds of files that can be requested, as users call them.
GDX = "GDX"
RESULTS = "results for VEDA"
_STAY = {GDX: "stays", RESULTS: "stay"}
#: Seconds between polls for an answer.
POLL_S = 0.1


class GdxStays(Exception):
    """A GDX cannot be had: a sentence with its run, its host, its folder and what to do."""

    def __init__(self, sentence: str, *, is_lost: bool = True) -> None:
        """Args:
        is_lost: It exists or existed; False: there never was one.
        """
        super().__init__(sentence)
        self.is_lost = is_lost


class GdxStep(msgspec.Struct, frozen=True):
    """How far one GDX is. `stage`: "asking", "waiting" (the host sends another one first), "sending", "fetching"."""

    run: str
    host: str
    stage: str
    done_bytes: int = 0
    size_bytes: int = 0


OnStep: TypeAlias = Callable[[GdxStep], None]


class Patience(msgspec.Struct, frozen=True):
    """Time-outs, in seconds."""

    silent_s: float = 120.0
    """For a live host that neither sends nor reports that it is busy with other files."""
    gone_s: float = 10.0
    """For a host whose card has expired: a restarting worker is back sooner."""
    repeat_s: float = 5.0
    """Between repetitions of the request, each with a look at the host's card."""


class Asking:
    """One request, from its publication until it is withdrawn. Methods may raise `redis.RedisError`."""

    def __init__(
        self,
        client: Client,
        run: RunResult,
        *,
        max_bytes: int | None = None,
        patience: Patience | None = None,
        veda: bool = False,
    ) -> None:
        """Args:
        max_bytes: A larger one is not fetched.
        veda: The results for VEDA that were made of it, instead of the GDX.

        Raises:
            GdxStays: no request is needed.
        """
        self._store = client.store
        self._requests = GdxRequests(client.store.client, client.store.keys)
        self._run = run
        self._host = run.host or ""
        self._request = _request(run, max_bytes, veda=veda)
        self._what = RESULTS if veda else GDX
        self._served = SERVED_VEDA if veda else SERVED
        self._patience = patience or Patience()
        self._next_repeat_s = 0.0
        self._seen_s = monotonic_s()
        """When the host's card was last seen."""

    def __enter__(self) -> Asking:
        """Sends the request.

        Raises:
            GdxStays: the host is away, or its version cannot send GDX files.
        """
        if why := _why_unable(self._card(), self._host, self._served):
            raise self._stays(why)
        self._ask()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        try:
            self._requests.withdraw(self._host, self._request)
        except redis.RedisError:
            return  # the key lives only for seconds

    def wait(self, on_step: OnStep, reason_to_stop: Callable[[], str] = lambda: "") -> GdxAnswer:
        """Waits until the file is in the store; returns the answer.

        Args:
            on_step: Called with the progress.
            reason_to_stop: Called repeatedly; a clause ends the waiting.

        Raises:
            GdxStays: it will not arrive.
        """
        said: GdxAnswer | None = None
        moved_s = self._seen_s = monotonic_s()
        on_step(GdxStep(self._run.run, self._host, "asking"))
        while True:
            self._repeat()
            answer = self._answer()
            if answer is not None and answer.is_final:
                return self._final(answer)
            now_s = monotonic_s()
            if answer is not None and not _is_same(answer, said):
                said, moved_s = answer, now_s
                on_step(GdxStep(self._run.run, self._host, answer.state, answer.done_bytes, answer.size_bytes))
            if now_s - self._seen_s > self._patience.gone_s:
                raise self._stays(f"{self._host} went away meanwhile. {_ONCE_BACK}")
            if now_s - moved_s > self._patience.silent_s:
                silent = f"{self._host} lives, but has sent nothing for {now_s - moved_s:.0f} s"
                raise self._stays(f"{silent}. Fetch again, or copy it from there.")
            if why := reason_to_stop():
                raise self._stays(why)
            time.sleep(POLL_S)

    def _repeat(self) -> None:
        if monotonic_s() < self._next_repeat_s:
            return
        self._ask()
        if self._card() is not None:
            self._seen_s = monotonic_s()

    def _ask(self) -> None:
        self._requests.ask(self._host, self._request)
        self._next_repeat_s = monotonic_s() + self._patience.repeat_s

    def _card(self) -> HostCard | None:
        try:
            return self._store.host(self._host)
        except SchemaMismatch:  # of another major version: reads what it can
            return next((card for card in self._store.live_hosts() if card.host == self._host), None)

    def _answer(self) -> GdxAnswer | None:
        try:
            return self._requests.answer(self._request.ask)
        except SchemaMismatch as error:
            raise self._stays(f"the answer cannot be read. {error}") from error

    def _final(self, answer: GdxAnswer) -> GdxAnswer:
        if answer.state is GdxState.SENT:
            return answer
        match answer.refusal:
            case Refusal.GONE:
                raise GdxStays(
                    f"{self._run.run}: the {self._what} is gone: {self._host} has removed {self._run.directory} "
                    "(14 days after its last use, or because space was needed). Scan again to have it."
                )
            case Refusal.NONE:
                raise GdxStays(
                    f"{self._run.run} has left no {self._what} on {self._host} in {self._run.directory}: see its log.",
                    is_lost=False,
                )
            case Refusal.TOO_LARGE:
                most = size(self._request.max_bytes or 0)
                raise self._stays(
                    f"it has {size(answer.size_bytes)}, above the automatic limit of {most}. {how_to_get(self._run)}"
                )
            case Refusal.UNREADABLE:
                raise self._stays(f"it cannot be read there ({answer.words}). See to that, and fetch again.")
            case Refusal.STORE:
                raise self._stays(answer.words)
        raise self._stays(f"{answer.words or answer.refusal} Or copy it from there.")

    def _stays(self, why: str) -> GdxStays:
        return GdxStays(f"{where(self._run, self._what)}: {why}")


def where(run: RunResult, what: str) -> str:
    """The place of a file that did not arrive."""
    return f"The {what} of {run.run} {_STAY[what]} on {run.host} in {run.directory}"


def how_to_get(run: RunResult) -> str:
    """How to get it later."""
    return f"`times-doctor fetch {run.scan} --gdx` brings it."


_ONCE_BACK = "Fetch again once `times-doctor hosts` shows it."


def _request(run: RunResult, max_bytes: int | None, *, veda: bool) -> SendGdx:
    """The request for a run's GDX; with the ids that its host used, also for a reused run."""
    if run.engine != "gams":
        raise GdxStays(f"{run.run} has no GDX: only GAMS writes one.", is_lost=False)
    if not run.host or not run.directory:
        raise GdxStays(f"{run.run} has no GDX: no host has worked on it to the end.", is_lost=False)
    folder = PurePosixPath(run.directory)
    name, _, attempt = folder.name.rpartition(".")
    plain = {"ask": secrets.token_hex(8), "scan": folder.parent.name, "run": name, "max_bytes": max_bytes}
    made = {"made": VEDA_FILE} if veda else {}
    try:
        return msgspec.convert(plain | made | {"attempt": int(attempt)}, type=SendGdx)
    except ValueError as error:  # msgspec's errors are ValueErrors
        raise GdxStays(
            f"The GDX of {run.run} stays on {run.host}: {run.directory} is not the folder of a run. Copy it from there."
        ) from error


def _why_unable(card: HostCard | None, host: str, served: str) -> str:
    """Why a host cannot be asked, and what to do; empty if it can."""
    if card is None:
        return f"{host} is not live. {_ONCE_BACK}"
    if words := other_version(card):
        return f"{host} {words}."
    if served not in card.serves:
        version = f" (times-doctor {card.version})" if card.version else ""
        return f"the worker of {host}{version} is too old to send it. Upgrade it, or copy the file from there."
    return ""


def _is_same(answer: GdxAnswer, before: GdxAnswer | None) -> bool:
    """Whether there was no progress: a host that only repeats its progress does not send the file."""
    if before is None or answer.state is not before.state:
        return False
    if answer.state is GdxState.SENDING and answer.done_bytes and answer.done_bytes == before.done_bytes:
        return True
    return answer.beat == before.beat
