"""Starts Flower with a password, read-only, with our columns and hosts from their cards.

Workers have remote control off, so they do not answer Flower's inspections: the answers come from the host cards in
Redis. Tasks come from Celery's events, which workers of a team send.
"""

from __future__ import annotations

import ipaddress
import logging
import os
import signal
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from times_doctor_tasks.config.settings import Settings, shown_url
from times_doctor_tasks.config.tls import trust
from times_doctor_tasks.contract.errors import InfrastructureError, UsageError
from times_doctor_tasks.state_store.connection import check, connect

logger = logging.getLogger(__name__)

#: Columns of the tasks page: the id is `<scan>.<run>`, the arguments name profile, solver and model.
COLUMNS = "uuid,args,state,result,worker,runtime,received"
#: Seconds between reads of the host cards.
HOSTS_EVERY_S = 5.0
#: Seconds after which a dead host leaves the page.
FORGET_HOST_S = 86_400
#: Tasks kept in memory, about 2 KB each.
MAX_TASKS = 20_000
#: The variable that holds `user:password`.
AUTH_VARIABLE = "TIMES_DOCTOR_FLOWER_AUTH"


class Door(msgspec.Struct, frozen=True):
    """The dashboard's address and users."""

    address: str
    port: int
    accounts: tuple[str, ...]
    """`user:password`; empty: no password."""


def read_accounts(environ: Mapping[str, str], file: Path | None, *, address: str, no_auth: bool) -> tuple[str, ...]:
    """The dashboard's users.

    Raises:
        UsageError: no user is given, and `no_auth` is not set or not allowed here; or an entry is not user:password.
    """
    if no_auth:
        if not is_loopback(address):
            raise UsageError(
                f"--no-auth is for this machine only, and {address!r} lets others in. "
                f"Listen on 127.0.0.1, or set a password ({AUTH_VARIABLE}=user:password, or --auth-file)."
            )
        return ()
    entries, origin = _entries(environ, file)
    if not entries:
        raise UsageError(
            "Flower shows models, hosts and who scans what, so it does not start without a password. Set "
            f"{AUTH_VARIABLE}=user:password, or --auth-file FILE with such lines; --no-auth is for 127.0.0.1 only."
        )
    for number, entry in enumerate(entries, 1):
        user, _, password = entry.partition(":")
        if not user or not password or not entry.isascii():
            raise UsageError(f"Entry {number} in {origin} is not user:password in ASCII letters.")
    return entries


def _entries(environ: Mapping[str, str], file: Path | None) -> tuple[tuple[str, ...], str]:
    if file is None:
        value = environ.get(AUTH_VARIABLE, "").strip()
        return (value,) if value else (), AUTH_VARIABLE
    try:
        lines = file.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"The password file {str(file)!r} cannot be read: {error}.") from error
    return tuple(line.strip() for line in lines if line.strip()), str(file)


def is_loopback(address: str) -> bool:
    """Whether only this machine can reach an address.

    >>> is_loopback("127.0.0.1"), is_loopback("::1"), is_loopback("0.0.0.0"), is_loopback("")
    (True, True, False, False)
    """
    try:
        return address == "localhost" or ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


def serve(settings: Settings, door: Door, *, on_open: Callable[[str], None]) -> None:
    """Runs Flower until a signal ends it.

    Args:
        on_open: Called with the address as soon as it listens.

    Raises:
        InfrastructureError: Flower is not installed, or the port is taken.
        BrokerUnavailable: the broker does not answer now; it waits during later outages.
    """
    broker_url = settings.require_broker()
    trust(settings.tls)
    client = connect(broker_url)
    check(client, broker_url)
    flower = _make(settings, door)
    try:
        flower.start_http_server()
    except OSError as error:
        raise InfrastructureError(f"Flower cannot listen on {door.address}:{door.port}: {error.strerror}.") from error
    on_open(f"http://{_bracketed(door.address)}:{door.port}/, broker {shown_url(broker_url)}")
    end_at_sigterm(flower.io_loop)
    _keep_looking_at_hosts(flower)
    try:
        flower.start()
    except KeyboardInterrupt:
        logger.info("ending")
    finally:
        flower.stop()
        client.close()


def end_at_sigterm(loop: Any) -> None:
    """Stops the loop. An exception from the handler would be lost if it came while an object is finalized."""
    signal.signal(signal.SIGTERM, lambda *_: loop.add_callback(loop.stop))


def _make(settings: Settings, door: Door) -> Any:
    """The Flower application. Only we set its options: neither FLOWER_* nor a flowerconfig.py can open it."""
    try:
        from flower.app import Flower
        from flower.options import options
        from flower.urls import settings as pages
    except ImportError as error:
        raise InfrastructureError(
            "Flower is not installed here. Get it by: pip install '.[flower]' in a clone of times-doctor"
        ) from error
    from times_doctor_cli.dashboard.host_inspector import HostInspector
    from times_doctor_tasks.celery_app.app import app, configure

    os.environ.pop("FLOWER_UNAUTHENTICATED_API", None)
    configure(settings.require_broker(), prefix=settings.key_prefix)
    app.finalize()
    options.address, options.port = door.address, door.port
    options.basic_auth = list(door.accounts)
    options.read_only = True
    # Workers ignore remote control; they always send events.
    options.enable_events = False
    options.tasks_columns = COLUMNS
    options.format_task = as_shown
    options.max_tasks = MAX_TASKS
    options.purge_offline_workers = FORGET_HOST_S
    logging.getLogger("tornado.access").setLevel(logging.ERROR)
    flower = Flower(capp=app, options=options, **pages)
    flower.inspector = HostInspector.of(flower, settings)
    return flower


def as_shown(task: Any) -> Any:
    """A task as its row shows it: without the scan, which is in the first column, to fit a screen."""
    task.args = (task.args or "").rsplit(", scan ", 1)[0]
    task.result = (task.result or "").strip("'")
    return task


def _keep_looking_at_hosts(flower: Any) -> None:
    def look() -> None:
        flower.update_workers()
        flower.io_loop.call_later(HOSTS_EVERY_S, look)

    flower.io_loop.call_later(HOSTS_EVERY_S, look)


def _bracketed(address: str) -> str:
    return f"[{address}]" if ":" in address else address
