"""The checks of `check`: whether scans can run here and on the team's hosts, and what to do if not."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from enum import StrEnum
from typing import Any
from urllib.parse import urlsplit

import msgspec
import redis

from times_doctor_cli.client.host_cards import ONE_STORE, licence_of, other_store, other_version, solvers_of
from times_doctor_cli.client.session import Client
from times_doctor_cli.terminal.units import size, stamp
from times_doctor_tasks.blob_store.base import StoreSight, see_store
from times_doctor_tasks.config.settings import SETTINGS, Settings, shown_url, unknown_variables
from times_doctor_tasks.contract.clock import monotonic_s, now_ms
from times_doctor_tasks.contract.errors import InfrastructureError, StoreFailed, UsageError
from times_doctor_tasks.contract.hosts import ENGINE_NAMES, HostCard
from times_doctor_tasks.contract.limits import LICENCE_WARN_DAYS
from times_doctor_tasks.contract.wording import counted
from times_doctor_tasks.profiles.registry import built_in_profiles
from times_doctor_tasks.state_store.dead_letters import DeadLetters

#: Less room than this for staged models and hashes is a warning.
LITTLE_DISK_BYTES = 2 << 30
#: Round trips slower than this make screens lag.
SLOW_MS = 100.0
#: Clocks further apart make times in reports hard to compare.
CLOCK_APART_S = 60.0


class Level(StrEnum):
    """The level of a finding."""

    OK = "ok"
    INFO = "info"
    """Not wrong, but not set up."""
    WARN = "warn"
    FAIL = "fail"


class Finding(msgspec.Struct, frozen=True):
    """The result of one check."""

    level: Level
    what: str
    words: str
    next_step: str = ""
    """What to do; empty if nothing."""


def _judged(what: str, words: str, *, wrong: bool, step: str) -> Finding:
    """OK, or a warning with what to do."""
    return Finding(Level.WARN if wrong else Level.OK, what, words, step if wrong else "")


class Value(msgspec.Struct, frozen=True):
    """A configuration value in force."""

    name: str
    value: str
    origin: str
    variable: str


def _shown(value: object) -> str:
    """A setting as a user would write it.

    >>> [_shown(value) for value in (None, 30.0, ("gams", "highs"), True, 3)]
    ['', '30', 'gams,highs', 'on', '3']
    """
    match value:
        case None:
            return ""
        case bool():
            return "on" if value else "off"
        case float():
            return f"{value:g}"
        case tuple():
            return ",".join(map(str, value))
    return str(value)


def values_of(settings: Settings) -> list[Value]:
    """Every setting with its source; passwords are not shown."""
    found = []
    for setting in SETTINGS:
        value = getattr(settings, setting.name)
        shown = _shown(value)
        if setting.name.endswith("_url"):
            shown = shown_url(shown)
        found.append(Value(setting.name, shown, settings.origins.get(setting.name, "default"), setting.variable))
    return found


def check_cache(settings: Settings) -> Finding:
    """The folder for hashes and staged models."""
    folder = settings.cache_dir
    nearest = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if not nearest.is_dir() or not os.access(nearest, os.W_OK):
        step = "Set TIMES_DOCTOR_CACHE_DIR to a folder of yours."
        return Finding(Level.FAIL, "cache folder", f"{folder} cannot be written", step)
    free = shutil.disk_usage(nearest).free
    step = "Free some space there, or set TIMES_DOCTOR_CACHE_DIR."
    return _judged("cache folder", f"{folder}, {size(free)} free", wrong=free < LITTLE_DISK_BYTES, step=step)


def check_times_source(settings: Settings) -> Finding:
    """The TIMES source, if it is configured."""
    folder = settings.times_src
    if folder is None:
        return Finding(Level.INFO, "TIMES source", "not configured: taken from VTRUN.CMD, or --times-src")
    if not folder.is_dir():
        origin = settings.origins.get("times_src", "configuration")
        return Finding(
            Level.FAIL, "TIMES source", f"{folder} is not a folder (from {origin})", "Correct it, or leave it out."
        )
    return Finding(Level.OK, "TIMES source", str(folder))


def check_here(card: HostCard | None, trouble: str = "") -> list[Finding]:
    """What a scan on this machine can use: the card of its private worker, or why there is none."""
    if card is None:
        return [Finding(Level.WARN, "scans here", trouble)]
    found = []
    for engine, name in ENGINE_NAMES.items():
        if engine in card.engines:
            licence = f", {words}" if (words := licence_of(card, engine)) else ""
            profiled = {profile.solver for profile in built_in_profiles(engine=engine)}
            solvers = ", ".join(solver for solver in solvers_of(card, engine) if solver in profiled)
            solvers = f"; {solvers}" if engine == "gams" else ""
            found.append(Finding(Level.OK, f"{name} here", f"{card.engines[engine]}{licence}{solvers}"))
    found += [Finding(_level_of(note, card), "scans here", note) for note in card.notes]
    return found


def check_environment(environ: Mapping[str, str]) -> Iterator[Finding]:
    """Variables with our prefix that nothing reads."""
    for name, likely in unknown_variables(environ).items():
        step = f"Did you mean {likely}?" if likely else "Remove it. The variables that are read are listed below."
        yield Finding(Level.WARN, "environment", f"{name} is set, and nothing reads it", step)


def _level_of(note: str, card: HostCard) -> Level:
    return Level.INFO if card.does_without_gams and "licence" in note else Level.WARN


def check_broker(client: Client) -> Iterator[Finding]:
    """The broker's round trip, whether it keeps data, and its clock."""
    info: dict[str, Any] = client.store.client.info()
    began_s = monotonic_s()
    client.store.client.ping()
    trip_ms = (monotonic_s() - began_s) * 1000
    name = "Valkey" if "valkey_version" in info else "Redis"
    version = info.get("valkey_version") or info.get("redis_version", "?")
    words = f"{client.shown_broker}: {name} {version}, answers in {trip_ms:.1f} ms"
    yield _judged("broker", words, wrong=trip_ms > SLOW_MS, step="Tables will lag: use a broker that is nearer.")
    yield from _check_encryption(client.broker_url)
    if info.get("role") == "slave":
        words = f"a read-only replica of {info.get('master_host')}:{info.get('master_port')}: no scan can be written"
        yield Finding(Level.FAIL, "broker role", words, "Name that server in TIMES_DOCTOR_BROKER_URL.")
    yield _check_memory(info)
    keeps = bool(int(info.get("aof_enabled", 0)))
    words = "kept on disk (appendonly yes)" if keeps else "lost when the server restarts (appendonly no)"
    step = "Set `appendonly yes` on the server: scans then survive its restart."
    yield _judged("broker data", words, wrong=not keeps, step=step)
    apart_s = abs(client.store.server_ms() - now_ms()) / 1000
    words = f"this machine and the broker are {apart_s:.1f} s apart"
    step = "Have both synchronise their clocks. Scans are right all the same."
    yield _judged("clocks", words, wrong=apart_s > CLOCK_APART_S, step=step)


def _check_encryption(url: str) -> Iterator[Finding]:
    """Passwords and models that go to another machine in clear text are a warning."""
    host = urlsplit(url).hostname or ""
    if url.startswith("redis://") and not (host in ("", "localhost") or host.startswith("127.") or host == "::1"):
        words = f"what goes to {host} can be read and changed on its way (redis://)"
        yield Finding(Level.WARN, "broker line", words, "Use rediss:// (docs/tls.md), a VPN or an ssh tunnel.")


def _check_memory(info: dict[str, Any]) -> Finding:
    limit, used = int(info.get("maxmemory", 0)), int(info.get("used_memory", 0))
    policy = info.get("maxmemory_policy", "noeviction")
    words = f"{size(used)} used" + (f" of {size(limit)}" if limit else ", no limit")
    if policy != "noeviction" and limit:
        step = "Set `maxmemory-policy noeviction` on the server: an evicted key is a lost run."
        return Finding(Level.FAIL, "broker memory", f"{words}; it evicts keys when full ({policy})", step)
    step = "Raise maxmemory, or free some: `times-doctor prune --days 1`."
    if limit and used >= limit:
        return Finding(Level.FAIL, "broker memory", f"{words}: it takes nothing more", step)
    return _judged("broker memory", words, wrong=bool(limit) and used > 0.9 * limit, step=step)


def check_store(client: Client) -> Finding:
    """The store for models and results."""
    try:
        usage = client.blobs.usage()
    except StoreFailed as error:
        return Finding(Level.FAIL, "store", str(error), "Check TIMES_DOCTOR_STORE_URL; hosts need the same one.")
    words = f"{client.blobs.where}: {size(usage.used_bytes)} used, {size(usage.room_bytes)} free ({usage.limit})"
    little = usage.room_bytes < 0.1 * (usage.used_bytes + usage.room_bytes)
    step = "Free some with `times-doctor prune --days 1`, or set TIMES_DOCTOR_STORE_URL to a larger one."
    return _judged("store", words, wrong=little, step=step)


def check_dead_letters(letters: DeadLetters) -> Iterator[Finding]:
    """The dead letters, if there are any."""
    amount = sum(letters.counts().values())
    if not amount:
        return
    newest = next(iter(letters.newest()), None)
    last = f", last: {newest.queue}, {newest.reason}, {stamp(newest.at_ms)}" if newest else ""
    step = "Show them: `times-doctor deadletters`; drop them: `times-doctor deadletters drop`."
    yield Finding(Level.WARN, "dead letters", f"{counted(amount, 'rejected message')}{last}", step)


def check_hosts(
    cards: Sequence[HostCard], *, version: str, today: date, store: StoreSight | None = None
) -> Iterator[Finding]:
    """The live hosts, checked for a client of `version`."""
    solving = [card for card in cards if "solve" in card.roles]
    control = [card for card in cards if "control" in card.roles]
    yield _check_role(control, "control workers", "`times-doctor worker --role control`: no reports are made now")
    yield _check_role(solving, "solver hosts", "`times-doctor worker` on a machine with GAMS or HiGHS")
    for card in cards:
        yield from _check_host(card, version=version, today=today)
        if store is not None and (words := other_store(card, store)):
            step = f"S{ONE_STORE[1:]}: it can run nothing that is sent from here."
            yield Finding(Level.FAIL, f"host {card.host}", words, step)


def _check_role(cards: Sequence[HostCard], what: str, start: str) -> Finding:
    if not cards:
        return Finding(Level.FAIL, what, "none is live", f"Start {start}.")
    return Finding(Level.OK, what, ", ".join(card.host for card in cards))


def _check_host(card: HostCard, *, version: str, today: date) -> Iterator[Finding]:
    what = f"host {card.host}"
    if words := other_version(card):
        yield Finding(Level.FAIL, what, words, "Until then it takes no part.")
    elif card.version and card.version != version:
        yield Finding(
            Level.WARN, what, f"runs times-doctor {card.version}, here is {version}", "Upgrade the older one."
        )
    if card.licence_expires:
        yield from _check_licence(what, card, today)
    for note in card.notes:
        if not (card.licence_expires and "licence" in note):
            yield Finding(Level.WARN, what, note)


def _check_licence(what: str, card: HostCard, today: date) -> Iterator[Finding]:
    days = (date.fromisoformat(card.licence_expires or "") - today).days
    if card.does_without_gams:
        words = f"its GAMS demo licence ended on {card.licence_expires}; it serves {', '.join(card.engines)}"
        yield Finding(Level.INFO, what, words)
    elif days < 0:
        yield Finding(Level.FAIL, what, f"its GAMS licence ended on {card.licence_expires}", "Renew it there.")
    elif days < LICENCE_WARN_DAYS:
        words = f"its GAMS licence ends on {card.licence_expires}, in {counted(days, 'day')}"
        yield Finding(Level.WARN, what, words, "Renew it there.")


def check_team(settings: Settings, *, version: str, today: date) -> list[Finding]:
    """Broker, store and hosts; one line if none is set up."""
    if settings.broker_url is None:
        words = "none is set: scans run on this machine only"
        return [Finding(Level.INFO, "broker", words, "Set TIMES_DOCTOR_BROKER_URL to use --queue.")]
    try:
        client = Client.open(settings)
    except (InfrastructureError, UsageError) as error:
        return [Finding(Level.FAIL, "broker", str(error))]
    try:
        cards = client.live_team()
        store = see_store(client.blobs)
        findings = check_hosts(cards, version=version, today=today, store=store)
        letters = check_dead_letters(DeadLetters(client.store.client, client.store.keys))
        return [*check_broker(client), check_store(client), *letters, *findings]
    except redis.RedisError as error:
        words = f"{client.shown_broker} refuses: {error}"
        return [Finding(Level.FAIL, "broker", words, "Does its ACL let clients read what they need?")]
    finally:
        client.close()
