"""Collects the results of a finished scan: fetches artefacts, writes report files."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import msgspec

from times_doctor_cli.client.session import Client
from times_doctor_cli.reports.harvest import Harvest
from times_doctor_cli.reports.layout import REPORTS, run_folder, saved_reports, scan_folder
from times_doctor_cli.reports.writers.csv_report import write_csv
from times_doctor_cli.reports.writers.files import write_atomically
from times_doctor_cli.reports.writers.html_report import write_html
from times_doctor_cli.reports.writers.json_report import write_json
from times_doctor_cli.reports.writers.option_file import write_recommended
from times_doctor_cli.reports.writers.scan_manifest import write_manifest
from times_doctor_cli.reports.writers.trace_file import write_trace
from times_doctor_cli.run_folder.size_check import size_warning
from times_doctor_tasks.blob_store.transfer_progress import OnSent
from times_doctor_tasks.contract.errors import StoreFailed, UsageError
from times_doctor_tasks.contract.messages import Report, RunResult
from times_doctor_tasks.contract.states import RunState
from times_doctor_tasks.contract.wording import some_of

#: Bytes of a failed run's log that the HTML report shows.
TAIL_BYTES = 8_000
#: The log of a run, whatever solved it.
LOG = "run.log"


class NotKept(StoreFailed):
    """The files of a run that ended were not kept, or only the smaller ones."""

    words = "There was no room for them when they were solved; the host {0!r} may still have them in {1!r}."


class _Fetched(msgspec.Struct):
    """The result of fetching."""

    tails: dict[str, str] = msgspec.field(default_factory=dict)
    """End of the log, by run."""
    missing: dict[type[StoreFailed], list[str]] = msgspec.field(default_factory=dict)
    """Runs whose files could not be fetched, by error."""
    errors: dict[type[StoreFailed], StoreFailed] = msgspec.field(default_factory=dict)
    """The first error of each kind."""

    def warnings(self) -> tuple[str, ...]:
        """A sentence for each kind of error."""
        return tuple(
            f"Files of {some_of(names, 4)} are missing here. {self.errors[kind]}"
            for kind, names in self.missing.items()
        )


def bring_results(client: Client, report: Report, harvest: Harvest, on_sent: OnSent | None = None) -> Report:
    """Fetches and writes everything; returns the report with the client's additions.

    Raises:
        UsageError: the folder cannot be written.
    """
    fetched = _fetch(client, report, harvest.out, on_sent)
    warning = size_warning(report.runs, harvest.listing)
    report = msgspec.structs.replace(report, warnings=(*report.warnings, *filter(None, [warning]), *fetched.warnings()))
    _write(report, harvest, fetched)
    _copy_newest(harvest.out)
    if harvest.trace is not None:
        write_trace(report, harvest.trace)
    return report


def as_typed(path: Path) -> str:
    """The shortest form of a path from here."""
    try:
        return str(path.absolute().relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def _fetch(client: Client, report: Report, out: Path, on_sent: OnSent | None) -> _Fetched:
    """Fetches the files of every run, and the ends of their logs."""
    fetched = _Fetched()
    total_bytes = sum(artefact.kept_bytes for run in report.runs for artefact in run.artefacts)
    done_bytes = 0
    for run in report.runs:
        folder = run_folder(out, run.run)
        try:
            fetched.tails[run.run] = _tail(_files_of(client, run, folder, out.parent))
            if run.state is RunState.DONE and run.directory and not run.reused_from and not _has_log(run):
                raise NotKept(run.host, run.directory)
        except StoreFailed as error:
            fetched.missing.setdefault(type(error), []).append(run.run)
            fetched.errors.setdefault(type(error), error)
        except OSError as error:
            raise cannot_write(out, error) from error
        done_bytes += sum(artefact.kept_bytes for artefact in run.artefacts)
        if on_sent is not None:
            on_sent(done_bytes, total_bytes)
    return fetched


def _files_of(client: Client, run: RunResult, folder: Path, beside: Path) -> list[Path]:
    """The files of a run; those of a reused one come from the earlier scan's folder, if it still exists."""
    name = Path(run.directory).stem if run.directory else run.run  # another one, if its profile had another name
    earlier = run_folder(scan_folder(beside, run.reused_from or "_"), name)
    if run.reused_from and earlier.is_dir():
        shutil.copytree(earlier, folder, dirs_exist_ok=True)
        return list(folder.iterdir())
    return client.fetch(run, folder)


def _has_log(run: RunResult) -> bool:
    return any(artefact.name == LOG for artefact in run.artefacts)


def _tail(paths: Sequence[Path]) -> str:
    log = next((path for path in paths if path.name == LOG), None)
    if log is None:
        return ""
    with log.open("rb") as content:
        content.seek(max(0, log.stat().st_size - TAIL_BYTES))
        return content.read(TAIL_BYTES).decode("utf-8", "replace")


def _write(report: Report, harvest: Harvest, fetched: _Fetched) -> None:
    specs = {run.run: run for run in harvest.runs}
    write_manifest(report, harvest.out, specs=specs, inputs=harvest.inputs)
    write_recommended(report, harvest.out, specs=specs)
    write_csv(report, harvest.out)
    write_html(report, harvest.out, specs=specs, log_tails=fetched.tails)
    write_json(report, harvest.out, specs=specs)  # the last: a scan is found by it


def _copy_newest(out: Path) -> None:
    """Copies the newest scan's reports into the output folder itself; fetching an older scan does not replace them.

    Looks again afterwards: had a newer scan ended meanwhile, the two would have left a mixture.
    """
    newest = saved_reports(out.parent)[-1].parent
    copied = None if newest.name == out.name else newest
    while newest != copied:
        for name in REPORTS:
            write_atomically(out.parent / name, (newest / name).read_bytes())
        newest, copied = saved_reports(out.parent)[-1].parent, newest


def cannot_write(folder: Path, error: OSError) -> UsageError:
    """The error for a folder that takes no files."""
    return UsageError(
        f"Files cannot be written to {str(folder)!r}: {error.strerror or error}. "
        "Expected a writable folder with free space; choose another with --out DIR."
    )
