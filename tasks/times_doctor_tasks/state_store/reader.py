"""Reads scans, runs and hosts from Redis; `run_store.RunStore` adds the verbs that write.

Readers tolerate absence: everything here expires. A key of a wrong type or an unreadable document counts as absent, and
is logged once. Every method may raise `redis.RedisError`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from times_doctor_tasks.contract.cancel_flag import asked_by
from times_doctor_tasks.contract.errors import SchemaMismatch
from times_doctor_tasks.contract.hosts import HostCard
from times_doctor_tasks.contract.keys import Keys
from times_doctor_tasks.contract.messages import (
    AnyEvent,
    AttemptRecord,
    ProgressMade,
    Report,
    RunResult,
    RunSpec,
    ScanSpec,
    decode,
    decode_event,
)
from times_doctor_tasks.contract.states import TERMINAL, RunState, ScanMode
from times_doctor_tasks.state_store.done_mark import DoneMark
from times_doctor_tasks.state_store.report_bytes import unpacked
from times_doctor_tasks.state_store.tolerance import answers_of, readable

if TYPE_CHECKING:
    import redis


class RunStatus(msgspec.Struct, frozen=True):
    """The state document of a run."""

    state: RunState
    attempt: int = 0
    host: str = ""
    beat: int = 0
    since_ms: int = 0
    handbacks: int = 0
    reason: str = ""
    instance: str = ""
    """Which start of that host's worker claimed it."""
    lease_ms: int = 0
    """Until when its owner's last beat holds, server ms; 0 if it has no owner."""


#: The number of a solver's seats, and the lease of one, ms.
_SEATS = re.compile(rb"(\d{1,9}) (\d{1,12})")
#: The holder of a seat. Lua counts by the first word only.
_HOLDER = re.compile(rb"(\S+)(?: (\S+ \S+ \S+) \d+$)?")


class Place(msgspec.Struct, frozen=True):
    """A run that waits in the line of all hosts."""

    scan: str
    run: str
    score: float
    """Step and arrival, as in `contract/keys.py`."""
    solver: str


class ScanStatus(msgspec.Struct, frozen=True):
    """The state of a scan, read in one transaction."""

    last_event: str
    """Id of the newest event; "0" when there is none. What comes after it is not in here."""
    statuses: dict[str, RunStatus]
    looks: dict[str, ProgressMade]
    """The newest look at each run that had one."""


class Documents(msgspec.Struct, frozen=True):
    """The documents of a scan's runs in the scan's order; dicts are by run."""

    statuses: dict[str, RunStatus]
    runs: list[RunSpec]
    """With a stand-in where a document is gone or cannot be read."""
    results: dict[str, RunResult]
    """With the run's history of attempts; of those that have one."""


def initial_state(spec: ScanSpec, run: str) -> RunState:
    """The state of a run before any write: a reused one has ended."""
    if run in spec.reused:
        return RunState.DONE
    waits = spec.mode is ScanMode.CHAIN and run != next(one for one in spec.runs if one not in spec.reused)
    return RunState.PENDING if waits else RunState.QUEUED


class Records:
    """Scans, runs, hosts and events under one key prefix, read only."""

    def __init__(self, client: redis.Redis, prefix: str = "td") -> None:
        self.client: Any = client
        self.keys = Keys(prefix)

    # -- scans ----------------------------------------------------------------------------------------------------

    def scan(self, scan: str) -> ScanSpec | None:
        """The scan, or None if it is unknown or expired."""
        (raw,) = self.client.mget([self.keys.scan(scan)])
        return decode(raw, ScanSpec) if raw else None

    def scans(self, *, newest: int = 1000) -> list[str]:
        """Ids of scans, newest first; all of them for 0."""
        ids = self._one("zrevrange", self.keys.scans(), 0, newest - 1)
        return [scan.decode("utf-8", "replace") for scan in ids or ()]

    def specs(self, scans: Sequence[str]) -> list[ScanSpec]:
        """Those of `scans` that exist and that this version can read, in the same order."""
        raws = self.client.mget([self.keys.scan(scan) for scan in scans]) if scans else []
        found = ((scan, readable(raw, ScanSpec, self.keys.scan(scan))) for scan, raw in zip(scans, raws, strict=True))
        return [spec for scan, spec in found if spec is not None and spec.scan == scan]

    def open_specs(self) -> list[ScanSpec]:
        """Scans that have no report, newest first."""
        scans = self.scans(newest=0)
        reported = self.reported(scans)
        return self.specs([scan for scan in scans if scan not in reported])

    def cancel_flags(self, scan: str) -> dict[str, str]:
        """Run id or `*` to the flag."""
        flags = self._one("hgetall", self.keys.cancel(scan)) or {}
        return {run.decode("utf-8", "replace"): flag.decode("utf-8", "replace") for run, flag in flags.items()}

    def is_reported(self, scan: str) -> bool:
        """Whether the done mark is set."""
        return bool(self.client.exists(self.keys.reported(scan)))

    def presence(self, scan: str) -> tuple[bool, bool]:
        """Whether the scan exists, and whether its done mark is set; in one round trip."""
        pipe = self.client.pipeline(transaction=False)
        pipe.exists(self.keys.scan(scan))
        pipe.exists(self.keys.reported(scan))
        is_there, is_reported = pipe.execute()
        return bool(is_there), bool(is_reported)

    def reported(self, scans: Sequence[str]) -> dict[str, DoneMark]:
        """The done marks of `scans` that are set."""
        marks = self.client.mget([self.keys.reported(scan) for scan in scans]) if scans else []
        # An older control worker wrote a bare time.
        return {
            scan: readable(mark, DoneMark, "") or DoneMark() for scan, mark in zip(scans, marks, strict=True) if mark
        }

    def cancelled_by(self, scans: Sequence[str]) -> dict[str, tuple[str, ...]]:
        """The users who cancelled runs of `scans`, each once; scans that were not cancelled are left out."""
        pipe = self.client.pipeline(transaction=False)
        for scan in scans:
            pipe.hvals(self.keys.cancel(scan))
        answers = answers_of(pipe) if scans else []
        by = {
            scan: asked_by(flag.decode("utf-8", "replace") for flag in flags or ())
            for scan, flags in zip(scans, answers, strict=True)
        }
        return {scan: people for scan, people in by.items() if people}

    def report(self, scan: str) -> Report | None:
        """The report, once its done mark is set."""
        raw = self._report_bytes(scan)
        return decode(raw, Report) if raw else None

    def ended(self, scan: str) -> int:
        """How many runs have become terminal; reused ones are not counted."""
        return int(self._one("scard", self.keys.ended(scan)) or 0)

    # -- runs -----------------------------------------------------------------------------------------------------

    def run(self, scan: str, run: str) -> RunSpec | None:
        """The spec of one run."""
        (raw,) = self.client.mget([self.keys.run(scan, run)])
        return decode(raw, RunSpec) if raw else None

    def task(self, scan: str, run: str) -> tuple[ScanSpec | None, RunSpec | None]:
        """The specs of a scan and of one of its runs, in one round trip."""
        asked, one = self.client.mget([self.keys.scan(scan), self.keys.run(scan, run)])
        return decode(asked, ScanSpec) if asked else None, decode(one, RunSpec) if one else None

    def runs(self, spec: ScanSpec, names: Sequence[str] | None = None) -> list[RunSpec]:
        """The specs of all runs of a scan, or of those named, in order, without missing or unreadable ones."""
        return self._runs(spec.scan, spec.runs if names is None else names)

    def history(self, scan: str, run: str) -> list[AttemptRecord]:
        """Attempts at a run, oldest first."""
        return list(_attempts(self._one("lrange", self.keys.history(scan, run), 0, -1)))

    def status(self, spec: ScanSpec, run: str) -> RunStatus:
        """State of one run."""
        return self.statuses(spec, [run])[run]

    def statuses(self, spec: ScanSpec, runs: Sequence[str] | None = None) -> dict[str, RunStatus]:
        """State of every run, or of those named, in order."""
        names = spec.runs if runs is None else runs
        return dict(zip(names, self._states([(spec, run) for run in names]), strict=True))

    def all_statuses(
        self, specs: Sequence[ScanSpec], known: Mapping[str, Mapping[str, RunStatus]] | None = None
    ) -> dict[str, dict[str, RunStatus]]:
        """State of every run of each scan, in one round trip; ended ones in `known` are not read again."""
        before = {spec.scan: (known or {}).get(spec.scan, {}) for spec in specs}
        found = {scan: {run: s for run, s in runs.items() if s.state in TERMINAL} for scan, runs in before.items()}
        asked = [(spec, run) for spec in specs for run in spec.runs if run not in found[spec.scan]]
        for (spec, run), status in zip(asked, self._states(asked), strict=True):
            found[spec.scan][run] = status
        return found

    def all_runs(self, specs: Sequence[ScanSpec]) -> dict[str, list[RunSpec]]:
        """The spec of every run of each scan, without missing or unreadable ones."""
        names = [self.keys.run(spec.scan, run) for spec in specs for run in spec.runs]
        raws = iter(self.client.mget(names) if names else ())
        return {spec.scan: self._of_runs(spec.scan, spec.runs, [next(raws) for _ in spec.runs]) for spec in specs}

    def result(self, spec: ScanSpec, run: str) -> RunResult | None:
        """One run's result, with its history of attempts; None if there is none yet."""
        return self.results(spec, [run]).get(run)

    def results(
        self, spec: ScanSpec, runs: Sequence[str] | None = None, *, attempts: bool = True
    ) -> dict[str, RunResult]:
        """The existing results of all runs, or of those named, by run; with the history of attempts if wanted."""
        scan, wanted = spec.scan, spec.runs if runs is None else runs
        if not wanted:
            return {}
        pipe = self.client.pipeline(transaction=False)
        pipe.mget([self.keys.result(scan, run) for run in wanted])
        for run in wanted if attempts else ():
            pipe.lrange(self.keys.history(scan, run), 0, -1)
        raws, *histories = answers_of(pipe)
        found = self._found(scan, zip(wanted, raws, histories or [None] * len(wanted), strict=True))
        reused = [run for run in wanted if run in spec.reused]
        found |= {run.run: run.reused for run in self._runs(scan, reused) if run.reused is not None}
        if spec.packs and len(found) < len(wanted):
            report, sought = readable(self._report_bytes(scan), Report, self.keys.report(scan)), set(wanted)
            found |= {result.run: result for result in (report.runs if report else ()) if result.run in sought}
        return found

    def documents(self, spec: ScanSpec) -> Documents:
        """All documents for a report, in one round trip."""
        pipe = self.client.pipeline(transaction=True)
        pipe.mget([self.keys.scan(spec.scan), *(self.keys.run(spec.scan, run) for run in spec.runs)])
        pipe.mget([self.keys.scan(spec.scan), *(self.keys.result(spec.scan, run) for run in spec.runs)])
        for run in spec.runs:
            pipe.hgetall(self.keys.state(spec.scan, run))
            pipe.lrange(self.keys.history(spec.scan, run), 0, -1)
        (_, *specs), (_, *results), *rest = answers_of(pipe)
        states, histories = rest[::2], rest[1::2]
        readable = {run.run: run for run in self._of_runs(spec.scan, spec.runs, specs)}
        runs = [readable.get(run) or RunSpec.stand_in(spec.scan, run, index) for index, run in enumerate(spec.runs)]
        found = self._found(spec.scan, zip(spec.runs, results, histories, strict=True))
        return Documents(
            statuses={run: _status(raw, initial_state(spec, run)) for run, raw in zip(spec.runs, states, strict=True)},
            runs=runs,
            results=found | {run.run: run.reused for run in runs if run.reused is not None},
        )

    def message(self, scan: str, run: str) -> dict[str, bytes]:
        """The stored message; empty if none was published yet."""
        kept = self._one("hgetall", self.keys.message(scan, run)) or {}
        return {name.decode("utf-8", "replace"): value for name, value in kept.items()}

    def published(self, spec: ScanSpec, runs: Sequence[str] | None = None) -> dict[str, bool]:
        """Whether a message of each run, or of those named, was ever stored."""
        names = spec.runs if runs is None else runs
        pipe = self.client.pipeline(transaction=False)
        for run in names:
            pipe.exists(self.keys.message(spec.scan, run))
        return {run: bool(kept) for run, kept in zip(names, pipe.execute(), strict=True)}

    def line(self) -> list[Place]:
        """The line of all hosts, in fair order."""
        pipe = self.client.pipeline(transaction=True)
        pipe.zrange(self.keys.line(), 0, -1, withscores=True)
        pipe.hgetall(self.keys.line_needs())
        members, needs = answers_of(pipe)
        places = (_place(member, score, (needs or {}).get(member, b"")) for member, score in members or ())
        return [place for place in places if place is not None]

    def seats(self) -> dict[str, tuple[int, float]]:
        """Solver to its number of seats, and the lease of one in seconds; solvers without a limit are left out."""
        counted = (self._one("hgetall", self.keys.seats()) or {}).items()
        known = {name.decode("utf-8", "replace"): m for name, value in counted if (m := _SEATS.fullmatch(value))}
        return {solver: (int(found[1]), int(found[2]) / 1000) for solver, found in known.items()}

    def held_seats(self) -> list[tuple[str, str]]:
        """Solver and `<host> <scan> <run>` of each held seat; the second is empty if unreadable."""
        held = self._one("zrangebyscore", self.keys.held_seats(), f"({self.server_ms()}", "+inf") or ()
        found = (match.groups(b"") for name in held if (match := _HOLDER.match(name)))
        return [(solver.decode("utf-8", "replace"), words.decode("utf-8", "replace")) for solver, words in found]

    def in_line(self, scan: str, runs: Sequence[str]) -> set[str]:
        """Those of a scan's runs that wait in the line of all hosts."""
        pipe = self.client.pipeline(transaction=False)
        for run in runs:
            pipe.zscore(self.keys.line(), f"{scan} {run}")
        return {run for run, score in zip(runs, answers_of(pipe), strict=True) if score is not None}

    # -- events ---------------------------------------------------------------------------------------------------

    def events(
        self, scan: str, *, after: str = "0", block_ms: int | None = None, count: int = 1000
    ) -> list[tuple[str, int, AnyEvent]]:
        """Events after an id, oldest first: (id, server ms, event). Blocks up to `block_ms` if there is none.

        Events that this version cannot read are left out.
        """
        while True:
            answer = self.client.xread({self.keys.events(scan): after}, count=count, block=block_ms)
            if not answer:
                return []
            entries = answer[0][1] if isinstance(answer, list) else next(iter(answer.values()))[0]
            after = entries[-1][0].decode()
            read = [(eid.decode(), int(eid.split(b"-")[0]), _event(fields)) for eid, fields in entries]
            known = [(eid, at_ms, event) for eid, at_ms, event in read if event is not None]
            if known:
                return known

    def newest_event(self, scan: str) -> str:
        """Id of the newest event; "0" if there is none."""
        newest = self._one("xrevrange", self.keys.events(scan), "+", "-", 1)
        return newest[0][0].decode() if newest else "0"

    def scan_status(self, spec: ScanSpec) -> ScanStatus:
        """The state of a scan for a late watcher, consistent with its newest event."""
        pipe = self.client.pipeline(transaction=True)
        pipe.xrevrange(self.keys.events(spec.scan), count=1)
        pipe.mget([self.keys.scan(spec.scan), *(self.keys.progress(spec.scan, run) for run in spec.runs)])
        for run in spec.runs:
            pipe.hgetall(self.keys.state(spec.scan, run))
        newest, (_, *progress), *states = answers_of(pipe)
        looks = {run: _event({b"e": raw}) for run, raw in zip(spec.runs, progress, strict=True) if raw}
        return ScanStatus(
            last_event=newest[0][0].decode() if newest else "0",
            statuses={run: _status(raw, initial_state(spec, run)) for run, raw in zip(spec.runs, states, strict=True)},
            looks={run: look for run, look in looks.items() if isinstance(look, ProgressMade)},
        )

    # -- hosts and the server -------------------------------------------------------------------------------------

    def host(self, host: str) -> HostCard | None:
        """One host's card; None if it has expired or is unreadable."""
        (raw,) = self.client.mget([self.keys.host(host)])
        return readable(raw, HostCard, self.keys.host(host))

    def live_hosts(self) -> list[HostCard]:
        """Cards of the live hosts, by name; also of those with other message versions."""
        names = [name.decode("utf-8", "replace") for name in self._one("zrange", self.keys.hosts(), 0, -1) or ()]
        raws = self.client.mget([self.keys.host(name) for name in names]) if names else []
        cards = [_card(raw, name, self.keys.host(name)) for name, raw in zip(names, raws, strict=True) if raw]
        return sorted(cards, key=lambda card: card.host)

    def waiting(self, queues: Iterable[str]) -> int:
        """Messages in these queues that no worker has taken."""
        pipe = self.client.pipeline(transaction=False)
        for queue in queues:
            for name in self.keys.queue_lists(queue):
                pipe.llen(name)
        return sum(depth or 0 for depth in answers_of(pipe))

    def server_run(self) -> str:
        """Id of this start of the server: after a restart its last second may be lost."""
        return str(self.client.info("server")["run_id"])

    def server_ms(self) -> int:
        """The server's clock, which all events and states use."""
        seconds, micros = self.client.time()
        return int(seconds) * 1000 + int(micros) // 1000

    def _states(self, runs: Sequence[tuple[ScanSpec, str]]) -> Iterator[RunStatus]:
        pipe = self.client.pipeline(transaction=False)
        for spec, run in runs:
            pipe.hgetall(self.keys.state(spec.scan, run))
        return (_status(raw, initial_state(*of)) for of, raw in zip(runs, answers_of(pipe), strict=True))

    def _report_bytes(self, scan: str) -> bytes:
        return unpacked(self._one("get", self.keys.report(scan)) or b"") if self.is_reported(scan) else b""

    def _runs(self, scan: str, runs: Sequence[str]) -> list[RunSpec]:
        raws = self.client.mget([self.keys.run(scan, run) for run in runs]) if runs else []
        return self._of_runs(scan, runs, raws)

    def _of_runs(self, scan: str, names: Sequence[str], raws: Sequence[bytes | None]) -> list[RunSpec]:
        found = (readable(raw, RunSpec, self.keys.run(scan, run)) for run, raw in zip(names, raws, strict=True))
        return [run for run, name in zip(found, names, strict=True) if run is not None and run.run == name]

    def _found(self, scan: str, rows: Iterable[tuple[str, bytes | None, list[bytes] | None]]) -> dict[str, RunResult]:
        """The readable results, each with its history."""
        found = {}
        for run, raw, history in rows:
            result = readable(raw, RunResult, self.keys.result(scan, run))
            if result is not None and result.run == run:
                found[run] = msgspec.structs.replace(result, attempts=_attempts(history))
        return found

    def _one(self, command: str, *words: object) -> Any:
        """The answer to one command about one key."""
        pipe = self.client.pipeline(transaction=False)
        getattr(pipe, command)(*words)
        return answers_of(pipe)[0]


def _place(member: bytes, score: float, need: bytes) -> Place | None:
    scan, _, run = member.decode("utf-8", "replace").partition(" ")
    words = need.decode("utf-8", "replace").split(" ")
    return Place(scan, run, score, words[1].rpartition(".")[2]) if run and len(words) > 3 else None


class _AnyCard(msgspec.Struct, frozen=True):
    """The fields that cards of all majors have."""

    host: str
    schema: int = 0
    schemas: tuple[int, ...] = ()
    roles: tuple[str, ...] = ()
    queues: tuple[str, ...] = ()
    version: str = ""


def _card(raw: bytes, name: str, key: str) -> HostCard:
    card = readable(raw, HostCard, key)
    if card is not None and card.host == name:
        return card
    notes = "Its card is of another version: not everything about it can be read."
    try:
        other = msgspec.json.decode(raw, type=_AnyCard)
    except (ValueError, RecursionError):  # corrupted bytes: one host that takes no part
        other, notes = _AnyCard(host=name), "Its card cannot be read: is another program writing there?"
    return HostCard(
        host=name,
        instance="",
        pid=0,
        roles=other.roles,
        slots=0,
        cores=0,
        memory_mb=0,
        queues=other.queues,
        schemas=other.schemas or (other.schema,),
        version=other.version,
        notes=(notes,),
    )


def _attempts(history: Iterable[bytes] | None) -> tuple[AttemptRecord, ...]:
    return tuple(one for raw in history or () if (one := readable(raw, AttemptRecord, "")) is not None)


def _event(fields: dict[bytes, bytes]) -> AnyEvent | None:
    try:
        return decode_event(fields.get(b"e", b""))
    except SchemaMismatch:
        return None


def _status(raw: dict[bytes, bytes] | None, initial: RunState) -> RunStatus:
    if not raw:
        return RunStatus(initial)
    text = {name.decode("utf-8", "replace"): value.decode("utf-8", "replace") for name, value in raw.items()}
    number = {name: _count(text.get(name, "")) for name in ("attempt", "beat", "since_ms", "handbacks", "lease_ms")}
    state = text.get("state", "")
    return RunStatus(
        state=RunState(state) if state in set(RunState) else initial,
        attempt=number["attempt"],
        host=text.get("host", ""),
        beat=number["beat"],
        since_ms=number["since_ms"],
        handbacks=number["handbacks"],
        reason=text.get("reason", ""),
        instance=text.get("instance", ""),
        lease_ms=number["lease_ms"],
    )


def _count(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else 0
