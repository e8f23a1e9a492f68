"""`times-doctor prune`: frees space in stores."""

from __future__ import annotations

from typing import Annotated

import typer

from times_doctor_tasks.contract.wording import counted


def prune(
    days: Annotated[float, typer.Option(min=0, help="Remove what was not used for this many days.")] = 14.0,
    json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
) -> None:
    """Remove unused models and results.

    From this machine's cache, and from the broker's store with the URL of the user `client`. Redis removes what was
    not used for 14 days by itself: to free its memory now, give fewer --days. Run folders are not touched.
    """
    import os

    from times_doctor_cli.client.prune import prune as prune_stores
    from times_doctor_cli.reports.local_scans import forget_missing
    from times_doctor_cli.terminal.console import emit_json, say
    from times_doctor_cli.terminal.units import size
    from times_doctor_tasks.config.settings import Settings

    pruned = prune_stores(Settings.load(os.environ), days=days)
    forget_missing()
    if json:
        emit_json({"stores": pruned})
        return
    for store in pruned:
        files = counted(store.blobs, "file")
        say(f"{store.where}: {files} removed, {size(store.freed_bytes)} freed")
