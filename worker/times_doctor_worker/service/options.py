"""Turns the arguments of `times-doctor worker` and the settings into a worker's plan."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import msgspec

from times_doctor_tasks.config import resources
from times_doctor_tasks.config.settings import SETTINGS, Settings
from times_doctor_tasks.config.tls import Tls
from times_doctor_tasks.contract.errors import UsageError
from times_doctor_tasks.contract.hosts import WorkerPlan

ROLES = ("solve", "control", "both")
#: Tasks that a control worker runs in parallel: reports, milliseconds each.
CONTROL_SLOTS = 2
_EPILOG = """\
Examples:
  times-doctor worker                   solve here, with a control worker beside
  times-doctor worker --slots 2         at most two runs at once
  times-doctor worker --role control    only reports and recovery
  times-doctor worker --role solve --until-idle 10      a job of a batch system

TIMES_DOCTOR_BROKER_URL or times-doctor.toml names Redis; `times-doctor check`
lists all settings. SIGTERM or Ctrl-C drains: runs may finish within
TIMES_DOCTOR_DRAIN_S (60 s), then they return to the queue. A second signal
returns them at once, a third exits immediately. Exit codes: 0 stopped, 1 third
signal, 2 wrong option, 5 Redis refuses, 75 needs a restart (watchdog).
"""


class Service(msgspec.Struct, frozen=True):
    """The plan of a worker of a team."""

    plan: WorkerPlan
    tls: Tls = Tls()
    drain_s: float = 0.0
    cache_from: str | None = None
    """The source of the cache folder; None: the default."""
    log_level: str = "INFO"
    log_format: str = "text"
    """`text` or `json`."""
    idle_s: float | None = None
    """It ends after this long without a run; None: never."""
    most_s: float | None = None
    """It takes no more runs after this long; None: no limit."""
    has_control_child: bool = False
    """Its control worker runs beside it, in a process of its own."""
    has_lifeline: bool = False
    """It ends when its standard input does."""
    metrics_port: int | None = None
    """Where it answers itself; its control child answers where it was asked to."""
    metrics_address: str = "127.0.0.1"
    notify_file: Path | None = None
    """Whom its control worker tells of scans."""


def read_words(words: Sequence[str], environ: Mapping[str, str], *, folder: Path | None = None) -> Service:
    """The plan of a worker.

    Raises:
        UsageError: an argument or a setting is invalid, or no broker is configured.
    """
    parsed = _parser().parse_args(words)
    overrides = {"host": _checked_name(parsed.name), "metrics_port": parsed.metrics_port}
    settings = Settings.load(environ, folder=folder, overrides=overrides)
    return Service(
        _plan(parsed, settings),
        tls=settings.tls,
        drain_s=settings.drain_s,
        cache_from=settings.origins.get("cache_dir"),
        log_level=parsed.log_level.upper(),
        log_format=parsed.log_format,
        idle_s=parsed.until_idle,
        most_s=parsed.max_hours,
        has_control_child=parsed.role == "both",
        has_lifeline=parsed.lifeline,
        metrics_port=settings.metrics_port and settings.metrics_port + (parsed.role == "both"),
        metrics_address=settings.metrics_address,
        notify_file=settings.notify_file,
    )


def _plan(parsed: argparse.Namespace, settings: Settings) -> WorkerPlan:
    cores, is_control = parsed.threads or resources.cores(), parsed.role == "control"
    return WorkerPlan(
        broker_url=settings.require_broker("A worker"),
        store_url=settings.store_url or "redis",
        store_quota_bytes=settings.store_quota_bytes,
        key_prefix=settings.key_prefix,
        host=settings.host,
        roles=("control",) if is_control else ("solve",),
        slots=CONTROL_SLOTS if is_control else parsed.slots or cores,
        cores=cores,
        memory_mb=resources.memory_mb(),
        cache_dir=str(settings.cache_dir),
        cache_bytes=int(settings.cache_gb * 1e9),
        log_max_mb=settings.log_max_mb,
        engines=settings.engines,
        sandbox=settings.sandbox,
        gams_path=str(settings.gams_path) if settings.gams_path else None,
        gams_path_from=settings.origins.get("gams_path", "configuration"),
    )


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> None:  # type: ignore[override]  # argparse says it never returns: it does not
        raise UsageError(f"{message}; see times-doctor worker --help")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="times-doctor worker",
        usage="%(prog)s [OPTIONS]",
        description="Serve a team: solve its runs on this machine, and make reports (control).",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    role = "solve, control (reports and recovery) or both; default: both"
    parser.add_argument("--role", choices=ROLES, default="both", metavar="ROLE", help=role)
    parser.add_argument("--name", metavar="H", help="unique host name; default: the machine's")
    size = parser.add_argument_group("threads")
    size.add_argument("--slots", type=_count, metavar="N", help="runs at once; default: one per core")
    size.add_argument("--threads", type=_count, metavar="N", help="threads for all runs together; default: the cores")
    end = parser.add_argument_group("when it ends")
    idle = "end after MIN minutes without a run"
    end.add_argument("--until-idle", type=_seconds_of(60), metavar="MIN", help=idle)
    hours = "take no runs after H hours; a running solve goes on to its end"
    end.add_argument("--max-hours", type=_seconds_of(3600), metavar="H", help=hours)
    logs = parser.add_argument_group("logs and metrics")
    levels = ("debug", "info", "warning", "error")
    logs.add_argument(
        "--log-level", choices=levels, default="info", metavar="L", help=f"{', '.join(levels)}; default: info"
    )
    logs.add_argument(
        "--log-format", choices=("text", "json"), default="text", metavar="F", help="text or json; default: text"
    )
    port = "serve /healthz (control: /metrics too) on 127.0.0.1:P; with role both the solver uses P + 1"
    logs.add_argument("--metrics-port", type=_port, metavar="P", help=port)
    parser.add_argument("--lifeline", action="store_true", help=argparse.SUPPRESS)
    return parser


def _port(text: str) -> int:
    try:
        return int(next(setting for setting in SETTINGS if setting.name == "metrics_port").read(text))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no port from 1 to 65,534") from None


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of 1 or more")
    return int(text)


def _seconds_of(unit_s: int) -> Callable[[str], float]:
    """Reads an amount with a unit, in seconds."""

    def seconds(text: str) -> float:
        try:
            amount = float(text)
        except ValueError:
            amount = 0.0
        if not 0 < amount < 1e6:
            raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0")
        return amount * unit_s

    return seconds


def _checked_name(name: str | None) -> str | None:
    if name is None:
        return None
    setting = next(setting for setting in SETTINGS if setting.name == "host")
    try:
        return str(setting.read(name))
    except ValueError as error:
        raise UsageError(f"--name {name!r}: expected {setting.expected}.") from error
