"""What a person sees: commands, views, the live table, report writers, and the private stack of a local scan.

For programs: the names below (see `api.py`, which documents them) scan models on a team's hosts from Python. They
are imported when they are first used: most of what imports this package wants one module and no broker.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
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
    from times_doctor_cli import api

    return getattr(api, name)
