"""Reads a run folder: its driver, the folders that GAMS searches, and every file that the model reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from msgspec.structs import replace

from times_doctor_cli.run_folder.caseless_names import Folders, base_of, physical
from times_doctor_cli.run_folder.errors import (
    EmptyModel,
    NameIsNoText,
    NoVariables,
    RestartNotFound,
    RunDirUnreadable,
    TooMuch,
)
from times_doctor_cli.run_folder.findings import facts_of
from times_doctor_cli.run_folder.gams.chain_position import Chain
from times_doctor_cli.run_folder.gams.driver import Choice, choose_driver, is_lp_file
from times_doctor_cli.run_folder.gams.file_finder import MOST_MISSING, Finder, Found
from times_doctor_cli.run_folder.gams.gams_args import refuse_own_parameters
from times_doctor_cli.run_folder.gams.includes import ChainReader
from times_doctor_cli.run_folder.gams.macros import Macros
from times_doctor_cli.run_folder.gams.needs import Needs
from times_doctor_cli.run_folder.gams.rewrites import Rewriter
from times_doctor_cli.run_folder.gdx_inputs import GdxPlan, GdxReader
from times_doctor_cli.run_folder.hash_cache import stamp_of
from times_doctor_cli.run_folder.model import (
    FoundFile,
    InputDir,
    InputFile,
    Parameter,
    Role,
    RunDir,
    RunKind,
    SearchDir,
    SearchLimits,
)
from times_doctor_cli.run_folder.model_class import model_class_of
from times_doctor_cli.run_folder.search_path import Places, find_places, find_written
from times_doctor_cli.run_folder.snapshot_layout import Layout, lay_out
from times_doctor_cli.run_folder.vtrun.results_for_veda import WantedResults, wanted_results
from times_doctor_tasks.contract.messages import VedaResults
from times_doctor_tasks.snapshot.manifest import KEPT_OPTIONS

#: Solvers whose own option file (`<solver>.opt`) a run folder may hold.
SOLVERS = frozenset(
    {"cplex", "gurobi", "highs", "xpress", "mosek", "copt", "cbc", "conopt", "soplex", "ipopt", "knitro", "odhcplex"}
)
#: Outputs of earlier runs are never inputs, even if a file names them.
_OUTPUTS = frozenset({".lst", ".log", ".lxi", ".ref"})
#: Variables that the worker sets itself; the user's value is not sent.
_OURS = frozenset({"--err_abort", "--gdxpath"})
_GDXPATH = "--GDXPATH"


def look(
    run_path: Path,
    *,
    times_src: Path | None = None,
    includes: Sequence[Path] = (),
    restart: str = "auto",
    environ: Mapping[str, str],
    config_times_src: Path | None = None,
    vd: bool | None = None,
    limits: SearchLimits | None = None,
    gams_args: Mapping[str, str] | None = None,
) -> RunDir:
    """Read a run folder, or a single .run/.gms/.mps/.lp file; nothing is executed and nothing is changed.

    Args:
        run_path: a folder, or the driver or LP file in it.
        times_src: the value of `--times-src`.
        includes: the values of `--include`: files or folders that the model needs besides those of its include chain.
        restart: `auto` (what VTRUN.CMD says, else none), `none`, or a file.
        environ: where TIMES_SRC and the variables of command files are looked up.
        config_times_src: `times_src` of times-doctor.toml.
        vd: results for VEDA are wanted; None: if VTRUN.CMD makes them.
        limits: how much is too much.
        gams_args: compile-time variables by name, the values of `--gams-arg`.

    Raises:
        UsageError: one of `run_folder.errors`; the message names the thing, what was expected and what to do.
    """
    folders, given, limits = Folders(), gams_args or {}, limits or SearchLimits()
    find = partial(find_places, times_src=times_src, environ=environ, config_times_src=config_times_src)
    try:
        choice = choose_driver(physical(run_path), folders, environ, given)
        if is_lp_file(choice.driver):
            run = _lp_run(choice, given, limits.total_bytes)
        else:
            places = find(choice.driver, choice.call, folders, includes=includes)
            run = _Look(choice, places, folders, limits, given, environ).result(restart, vd)
    except OSError as exc:  # a folder or file that may not be read, or was removed
        raise RunDirUnreadable(str(exc.filename or run_path), f"cannot be read ({exc.strerror})") from exc
    return replace(run, facts=facts_of(run))


def _require_text(folder: Path) -> None:
    try:
        str(folder).encode()
    except UnicodeEncodeError:
        raise NameIsNoText(str(folder)) from None


def _lp_run(choice: Choice, given: Mapping[str, str], most_bytes: int) -> RunDir:
    _require_text(choice.driver.parent)
    if given:
        raise NoVariables(choice.driver.name, next(iter(given)))
    stamp = stamp_of(choice.driver)
    if (size_bytes := stamp[0]) == 0:
        raise EmptyModel(str(choice.driver))
    if size_bytes > most_bytes:
        raise TooMuch(f"{size_bytes / 1e9:,.0f} GB, more than {most_bytes / 1e9:.0f} GB", str(choice.driver))
    found = FoundFile(choice.driver, choice.driver.parent, Role.DRIVER, choice.why, stamp=stamp)
    layout = lay_out([found], [SearchDir(choice.driver.parent, "run folder", "model")])
    return RunDir(
        root=choice.driver.parent,
        driver=choice.driver,
        kind=RunKind.LP,
        driver_source=choice.why,
        inputs=(_input(found, layout),),
        warnings=tuple(choice.warnings),
        option_files=_option_files(choice.driver.parent, Folders()),
        model_class=model_class_of(choice.driver),
    )


class _Look:
    """Reads a run folder, step by step."""

    def __init__(
        self,
        choice: Choice,
        places: Places,
        folders: Folders,
        limits: SearchLimits,
        given: Mapping[str, str],
        environ: Mapping[str, str],
    ) -> None:
        self._choice = choice
        self._call = choice.call
        self._places = places
        self._folders = folders
        for search in places.dirs:
            _require_text(search.path)
        self._finder = Finder(places.dirs, folders, limits, places.extra)
        for sentence in choice.warnings + places.warnings:
            self._finder.warn(sentence)
        self._given = given
        self._words = self._command_words()
        fixed = {w.name[2:]: w.value for w in self._words if w.double_dash and w.name != _GDXPATH}
        self._macros = Macros(fixed, environ)

    def result(self, restart: str, vd: bool | None) -> RunDir:
        driver = Found(self._choice.driver, self._choice.driver.parent)
        self._finder.take(driver, Role.DRIVER, self._choice.why)
        reader = ChainReader(self._finder, self._macros, self._finder.limits)
        chain = reader.read(driver.path)
        self._judge_variables(reader.needs)
        self._take_named_values(chain)
        gdxpath = next((word for word in self._words if word.name == _GDXPATH), None)
        gdx = GdxReader(self._finder, self._macros, chain, driver.path).read(
            gdxpath.value if gdxpath else None, gdxpath.source if gdxpath else None
        )
        restart_path, restart_source = self._restart(restart)
        for path in self._places.extra:
            self._finder.take(Found(path, path.parent), Role.EXTRA, "--include")
        veda = None if vd is False else wanted_results(self._call, self._choice.driver, self._finder, by_user=bool(vd))
        return self._assembled(chain, gdx, restart_path, restart_source, veda)

    def _command_words(self) -> list[Parameter]:
        """The words of GAMS's command line: those of a file, then those of `--gams-arg`, which win."""
        words = {}
        if self._call is not None:
            path = [(_GDXPATH, self._call.gdxpath)] if self._call.gdxpath else []
            for name, value in [*self._call.parameters, *path]:
                words[name.lower()] = Parameter(name, value, name.startswith("--"), self._call.source)
        for name, value in self._given.items():
            own = f"--{name}" if name.lower() != "gdxpath" else _GDXPATH
            words[own.lower()] = Parameter(own, value, True, "--gams-arg")
        return list(words.values())

    def _judge_variables(self, needs: Needs) -> None:
        """Report variables without a value, and those whose value is not that of `--gams-arg`."""
        refuse_own_parameters(self._given, self._macros.mentioned)
        for name, place in self._call.needs if self._call else ():
            if not self._macros.values(name):
                needs.add(name, place)
        for sentence in needs.sentences(self._finder.set_by_source):
            self._finder.warn(sentence)
        for name, value in self._given.items():
            known = self._macros.values(name)
            if known and all(one.text != value for one in known):
                self._finder.warn(f"--gams-arg {name}={value} changes nothing: {known[-1].where} sets {name} itself.")

    def _take_named_values(self, chain: Chain) -> None:
        """A `$set` with the name of an existing file: TIMES controls such as PEAKCHP include it."""
        for use in chain.set_uses:
            if "." in use.raw and "%" not in use.raw and Path(use.raw).suffix.lower() not in _OUTPUTS:
                found = self._finder.find(use.raw, use.file, extensions=("",))
                if found is not None and found.path not in self._finder.files:
                    self._finder.take(found, None, f"{use.file.name}:{use.line} sets {use.name} to it")

    def _restart(self, restart: str) -> tuple[Path | None, str | None]:
        if restart == "none":
            return None, None
        if restart != "auto":
            path = physical(Path(restart))
            if not path.is_file():
                raise RestartNotFound(restart)
            return path, "--restart"
        if self._call is None or not self._call.restart:
            return None, None
        return self._restart_of_call(self._call.restart, self._call.source)

    def _restart_of_call(self, written: str, source: str) -> tuple[Path | None, str | None]:
        assert self._call is not None
        base = base_of(written)
        for extension in ("", ".g00"):
            path = find_written(written + extension, self._call.folder, self._folders)
            if path is None and self._finder.source is not None:
                path = self._folders.find_file(self._finder.source, base + extension)
            if path is not None and path.is_file():
                return path, source
        self._finder.warn(
            f"{source} restarts from {written!r}, which is not on this machine: running without it. "
            "A GAMS licence for TIMES only needs it: give it with --restart FILE."
        )
        return None, None

    def _assembled(
        self,
        chain: Chain,
        gdx: GdxPlan,
        restart: Path | None,
        restart_source: str | None,
        veda: WantedResults | None,
    ) -> RunDir:
        finder, choice = self._finder, self._choice
        dirs = [*finder.dirs, *(SearchDir(p.parent, "--include", "include") for p in self._places.extra)]
        layout = lay_out(finder.files.values(), dirs)
        idirs = self._idirs(dirs, layout)
        if finder.missing > MOST_MISSING:
            finder.warn(f"{finder.missing - MOST_MISSING} more files are missing.")
        rewriter = Rewriter(layout, [idir.name for idir in idirs], dirs, self._folders)
        rewrites = rewriter.rewrites(finder.uses, chain.set_uses)
        root = choice.driver.parent
        return RunDir(
            root=root,
            driver=choice.driver,
            kind=RunKind.GAMS,
            driver_source=choice.why,
            inputs=tuple(_input(file, layout) for file in finder.files.values()),
            idirs=idirs,
            parameters=self._parameters(gdx, rewriter),
            restart=_restart_file(restart, restart_source),
            restart_source=restart_source,
            gdxpath=gdx.gdxpath,
            gdxpath_source=gdx.source,
            source=finder.source if any(f.role is Role.SOURCE for f in finder.files.values()) else None,
            computed=tuple(finder.computed),
            rewrites=tuple(rewrites),
            warnings=tuple(finder.warnings),
            missing=finder.missing,
            option_files=_option_files(root, self._folders),
            veda=VedaResults(name=veda.name, definition=layout.names[veda.definition]) if veda else None,
            listing=_newest_listing(root, self._folders),
        )

    def _idirs(self, dirs: Sequence[SearchDir], layout: Layout) -> tuple[InputDir, ...]:
        result: dict[str, InputDir] = {}
        for search in dirs:
            name = layout.folder_name(search.path)
            if name is not None and layout.holds_files(name):
                result.setdefault(name, InputDir(search.path, search.source, name))
        return tuple(result.values())

    def _parameters(self, gdx: GdxPlan, rewriter: Rewriter) -> tuple[Parameter, ...]:
        kept: dict[str, Parameter] = {}
        for word in self._words:
            key = word.name.lower()
            if (word.double_dash and key not in _OURS) or key in KEPT_OPTIONS:
                value = gdx.parameters.get(key[2:]) or rewriter.staged_value(word.value) or word.value
                kept[key] = replace(word, value=value)
        return tuple(kept.values())


def _input(file: FoundFile, layout: Layout) -> InputFile:
    return InputFile(file.path, layout.names[file.path], file.role, file.stamp[0], file.why, file.stamp)


def _restart_file(path: Path | None, source: str | None) -> InputFile | None:
    if path is None:
        return None
    file = FoundFile(path, path.parent, Role.RESTART, source or "", stamp=stamp_of(path))
    return _input(file, lay_out([file], [SearchDir(path.parent, source or "", "restart")]))


def _option_files(root: Path, folders: Folders) -> dict[str, Path]:
    names = (Path(name) for name in folders.names(root))
    return {
        name.stem.lower(): root / name
        for name in names
        if name.suffix.lower() == ".opt" and name.stem.lower() in SOLVERS and (root / name).is_file()
    }


def _newest_listing(root: Path, folders: Folders) -> Path | None:
    listings = [root / name for name in folders.names(root) if name.lower().endswith(".lst")]
    return max((path for path in listings if path.is_file()), key=lambda path: path.stat().st_mtime, default=None)
