"""`times-doctor history`: the results of earlier scans of a model."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from times_doctor_tasks.contract.wording import counted

if TYPE_CHECKING:
    from times_doctor_tasks.analysis.history import RunRecord

#: Whether a record is meant.
Judge: TypeAlias = "Callable[[RunRecord], bool]"

EXAMPLES = """Examples:

  times-doctor history                   the models scanned on this machine

  times-doctor history my_run            what was best for this model

  times-doctor history my_run --queue    the same, from the team's scans
"""


def history(
    model: Annotated[
        str | None, typer.Argument(metavar="[MODEL]", help="A run folder, a model file, or a name from the list.")
    ] = None,
    queue: Annotated[
        bool, typer.Option("--queue", help="Use the history of the team instead of this machine's.")
    ] = False,
    forget: Annotated[
        bool,
        typer.Option("--forget", help="Delete MODEL's records, or all; does not ask (--queue: control role only)."),
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
) -> None:
    """Show which profiles were best for a model before.

    Includes similar models, if the model's files are on this machine.

    The newest 2,000 runs are kept. A team keeps hashes instead of a model's names.
    """
    from times_doctor_cli.terminal.console import emit_json, say, show, shows_unicode, stdout_console
    from times_doctor_cli.views.history import history_view, models_view
    from times_doctor_tasks.contract.clock import now_ms

    where, records, forget_them = _memory(queue=queue)
    is_same, is_like = _chosen(model, records) if model is not None else (None, None)
    own = [record for record in records if is_same is None or is_same(record)]
    console = stdout_console()
    unicode = shows_unicode(console)
    if forget:
        forget_them(is_same)
        say(f"{counted(len(own), 'run')} forgotten {where}.")
    elif json:
        emit_json({"records": own})
    elif not records:
        say(f"No run is remembered {where}. A scan adds its runs when it ends.")
    elif model is None:
        show(models_view(records, unicode=unicode, now_ms=now_ms()), console)
    else:
        like = [record for record in records if record not in own and is_like is not None and is_like(record)]
        show(history_view(own, like, unicode=unicode), console)


def _memory(*, queue: bool) -> tuple[str, list[RunRecord], Callable[[Judge | None], None]]:
    """The place of a history, its records, and a function that removes some or all of them."""
    from times_doctor_cli.api import connect
    from times_doctor_cli.reports.local_history import forget_local, local_history
    from times_doctor_tasks.state_store.past_runs import forget_past_runs, past_runs

    if not queue:
        return "on this machine", local_history(), forget_local
    client = connect(who="history --queue")

    def forget(is_meant: Judge | None) -> None:
        with client.answering(doing="forget runs", role="control"):
            forget_past_runs(client.store, is_meant)

    with client.answering():
        return f"at {client.shown_broker}", past_runs(client.store), forget


def _chosen(model: str, records: Sequence[RunRecord]) -> tuple[Judge, Judge | None]:
    """Tests that select records of a model, and of similar models if its files are here.

    Raises:
        UsageError: there is no such folder, file or name.
    """
    from times_doctor_cli.planning.builder import look_at
    from times_doctor_cli.planning.request import ScanRequest
    from times_doctor_cli.run_folder.fingerprint import fingerprint_of
    from times_doctor_cli.run_folder.model import SearchLimits
    from times_doctor_cli.views.history import label_of
    from times_doctor_tasks.config.settings import Settings
    from times_doctor_tasks.contract.errors import UsageError
    from times_doctor_tasks.contract.wording import some_of

    if Path(model).exists():
        request, limits = ScanRequest(run_path=Path(model)), SearchLimits(are_strict=False)
        found = fingerprint_of(look_at(request, Settings.load(os.environ), os.environ, limits))
        return (lambda record: record.model.is_same(found)), (lambda record: record.model.is_like(found))
    names = sorted({label_of(record) for record in records})
    if model not in names:
        known = f"Known names: {some_of(names, 10)}." if names else "No run is remembered."
        raise UsageError(f"{model!r} is neither a folder nor a file nor a name in the history. {known}")
    return (lambda record: label_of(record) == model), None
