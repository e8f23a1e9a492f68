"""GAMS: the command line of a run, and where its files are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from times_doctor_tasks.contract.states import StopReason
from times_doctor_tasks.parsers.gams.log import GamsLogReader
from times_doctor_tasks.results.run_files import RunFiles
from times_doctor_tasks.results.run_reader import RunReading, read_run
from times_doctor_tasks.state_store.gdx_requests import GDX_FILE
from times_doctor_worker.engines.gdx2veda import make_veda_results
from times_doctor_worker.engines.port import Command, Job
from times_doctor_worker.engines.sandbox import readable

#: Solvers that do LP and nothing discrete: naming them for MIP makes GAMS stop with return code 6 (measured).
LP_ONLY = frozenset({"soplex", "conopt", "conopt4", "ipopt", "minos", "snopt", "knitro"})
#: GAMS's return code for a licence that does not allow the run, and the text before the licence in the listing.
LICENCE_ERROR = 7
LICENCE_MARK = b"**** Current license content:"
LOG = "run.log"
LISTING = "run.lst"
TRACE = "trace.txt"


@dataclass(frozen=True, slots=True)
class GamsEngine:
    """One GAMS system."""

    executable: Path
    version: str
    environ: Mapping[str, str] = field(repr=False)
    system_dir: Path
    name: str = "gams"
    confined: bool = False
    """It sees its model, its system and its working folder only, where the kernel can do that."""

    def prepare(self, job: Job) -> Command:
        """Writes `<solver>.opt` into the working folder: solvers look nowhere else."""
        solver = job.run.solver.lower()
        (job.directory / f"{solver}.opt").write_text(job.run.options, "utf-8")
        environ = {**self.environ, "PWD": str(job.directory)}
        if self.confined:
            environ["TMPDIR"] = str(job.directory)
        return Command(
            argv=[str(self.executable), *arguments(job)],
            environ=environ,
            log=job.directory / LOG,
            reads=readable(job.tree, self.system_dir, self.executable, *self._licences()) if self.confined else None,
        )

    def _licences(self) -> list[Path]:
        """Where GAMS and its solvers look for licences and settings beside their own folder."""
        home = Path(self.environ.get("HOME", "/nonexistent"))
        named = [value for name, value in self.environ.items() if "LIC" in name and value.startswith("/")]
        return [home / ".local/share/GAMS", home / ".config/GAMS", home / "Documents/GAMS", *map(Path, named)]

    def conflict_search(self, job: Job) -> None:  # the port's shape
        """None: solvers under GAMS write the conflict to their log, if their option file asks for it."""

    def reader(self) -> GamsLogReader:
        """A reader of GAMS logs."""
        return GamsLogReader()

    def read(self, job: Job, *, returncode: int | None, stop_reason: StopReason | None) -> RunReading:
        """Reads log, listing and trace."""
        folder = job.directory
        if returncode == LICENCE_ERROR:
            cut_licence(folder / LISTING)
        files = RunFiles(
            log=_existing(folder / LOG),
            listing=_existing(folder / LISTING),
            trace=_existing(folder / TRACE),
            returncode=returncode,
        )
        return read_run(files, stop_reason=stop_reason)

    def finish(self, job: Job) -> str | None:
        """Makes the results for VEDA of a run that left a GDX, if they are wanted."""
        veda = job.run.veda
        if veda is None or not (job.directory / GDX_FILE).is_file():
            return None
        if not any(file.path == veda.definition for file in job.manifest.files):
            return None  # a path that points outside
        tool, definition = self.system_dir / "gdx2veda", job.tree / veda.definition
        return veda.name if make_veda_results(tool, job.directory, definition, veda.name, self.environ) else None

    def artefacts(self, job: Job) -> Sequence[Path]:
        """Option file, log, listing, trace and, for TIMES, its own quality log."""
        names = (f"{job.run.solver.lower()}.opt", LOG, LISTING, TRACE, "qa_check.log")
        return [path for path in (job.directory / name for name in names) if path.is_file()]


def arguments(job: Job) -> list[str]:
    """The GAMS command line after the program, for `lo=2` and a tail of its log file.

    `trace` gives results to 15 digits without the listing; `--ERR_ABORT=NO` lets TIMES write its reports after an
    infeasible solve; `fileCase=4` finds the lower-cased staged files under any spelling (GAMS user's guide, "The GAMS
    call and command line parameters").
    """
    manifest, tree = job.manifest, job.tree
    words = [str(tree / manifest.driver)]
    words += [f"idir{n}={tree / folder}" for n, folder in enumerate(manifest.idirs, start=1)]
    words += [f"{name}={value}" for name, value in manifest.parameters]
    if manifest.restart is not None:
        words.append(f"r={tree / manifest.restart}")
    if manifest.gdxpath is not None:
        words.append(f"--GDXPATH={manifest.gdxpath}")
    solver = job.run.solver.upper()
    words.append(f"LP={solver}")
    if job.run.solver.lower() not in LP_ONLY:
        words += [f"RMIP={solver}", f"MIP={solver}"]
    words += ["optfile=1", "fileCase=4", "lo=2", f"logfile={LOG}", f"o={LISTING}"]
    words += [f"trace={TRACE}", "traceopt=3", f"gdx={GDX_FILE}", "--ERR_ABORT=NO"]
    return words


def cut_licence(listing: Path) -> None:
    """Removes the licence from a listing: after return code 7 GAMS prints all of it, with its key."""
    if not listing.is_file():
        return
    with listing.open("r+b") as file:
        start, kept = 0, b""
        while piece := file.read(1 << 20):
            place = (kept + piece).find(LICENCE_MARK)
            if place >= 0:
                file.seek(start - len(kept) + place + len(LICENCE_MARK))
                file.truncate()
                file.write(b" left out by times-doctor\n")
                return
            start, kept = start + len(piece), piece[-len(LICENCE_MARK) :]


def _existing(path: Path) -> Path | None:
    return path if path.is_file() else None
