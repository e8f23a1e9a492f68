"""The command line: commands, views, the live table, report writers, and the private stack of a local scan.

For programs: the names below (see `api.py`) scan models on a team's hosts from Python. They are imported at first use:
most imports of this package need one module and no broker.
"""

from __future__ import annotations

TYPE_CHECKING = False  # importing `typing` would cost each start milliseconds
if TYPE_CHECKING:
    from typing import Any

    from times_doctor_cli.api import (
        Fetched,
        cancel,
        connect,
        fetch,
        fetch_gdx,
        find,
        hosts,
        prepare_scan,
        report,
        submit_prepared,
        submit_scan,
        watch,
    )
    from times_doctor_cli.client.session import Client
    from times_doctor_cli.planning.request import ScanRequest

__all__ = [
    "Client",
    "Fetched",
    "ScanRequest",
    "cancel",
    "connect",
    "fetch",
    "fetch_gdx",
    "find",
    "hosts",
    "prepare_scan",
    "report",
    "submit_prepared",
    "submit_scan",
    "watch",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    place = {"ScanRequest": "planning.request", "Client": "client.session"}.get(name, "api")
    return getattr(import_module(f"times_doctor_cli.{place}"), name)
