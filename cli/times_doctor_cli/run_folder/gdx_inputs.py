"""The GDX files a TIMES run reads, by the rules of its source (4.9.4), and those the model loads itself.

    TIMESED      readbprice.mod: <GDXPATH><value>_DP, else <GDXPATH><value>, else com_bprice; YES: com_bprice
    LPOINT       spoint.mod: <GDXPATH><value>_p, else <GDXPATH><value>; the other way round where FIXBOH is set
    RPOINT       spoint.mod: a value but YES and NO takes the place of LPOINT's
    GDX_IREBND, GDX_IPRIC   init_ext.vda: <GDXPATH><value>
    SPOINT 2, 3  spoint.mod: <GDXPATH><RUN_NAME>_p, else <GDXPATH><RUN_NAME>, where there is one
    DATAGDX      initmty.mod: <RUN_NAME>~data, where there is one

GDXPATH is what the command line says, else what the driver sets, else `gamssave/` where that folder exists. TIMES goes
on without a missing file, silently and with another model: for us it is an error.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec

from times_doctor_cli.run_folder.caseless_names import base_of, is_absolute, parts_of
from times_doctor_cli.run_folder.errors import MissingGdx
from times_doctor_cli.run_folder.gams.chain_position import Chain, GdxUse, Reach
from times_doctor_cli.run_folder.gams.dollar import name_text
from times_doctor_cli.run_folder.gams.file_finder import Finder, Found
from times_doctor_cli.run_folder.gams.macros import UNKNOWN, Macros, Value
from times_doctor_cli.run_folder.model import NameUse, Role

#: Folder for GDX files in the working directory of a staged run.
STAGED_GDXPATH = "gamssave/"


class GdxPlan(msgspec.Struct):
    """Where a staged run finds its GDX files."""

    gdxpath: str | None = None
    """For `--GDXPATH`; None: the model's own way."""
    source: str | None = None
    parameters: dict[str, str] = msgspec.field(default_factory=dict)
    """Command-line variables (lower case) whose value must change: they named a GDX file by a path."""


class _Need(msgspec.Struct, frozen=True):
    """One control that names a GDX file."""

    control: str
    value: str
    where: str
    certain: bool
    names: tuple[str, ...]
    """Tried in this order; without extension."""


class GdxReader:
    """Finds the GDX files of one run."""

    def __init__(self, finder: Finder, macros: Macros, chain: Chain, driver: Path) -> None:
        self._finder = finder
        self._macros = macros
        self._chain = chain
        self._driver = driver
        self._working = finder.dirs[0].path
        self.plan = GdxPlan()

    def read(self, gdxpath: str | None, source: str | None) -> GdxPlan:
        """Take every GDX file; `gdxpath` is what the command line says, by `source`.

        Raises:
            MissingGdx.
        """
        prefix = self._prefix(gdxpath, source)
        if self._finder.source is not None:
            for need in self._needs(prefix):
                self._take_need(need, prefix)
        for use in self._chain.gdx_uses:
            self._take_use(use)
        return self.plan

    def _prefix(self, gdxpath: str | None, source: str | None) -> str:
        """What TIMES puts before a GDX name: a folder, as written, with its slash."""
        driver_value = next((v for v in self._macros.values("gdxpath") if UNKNOWN not in v.text), None)
        if driver_value is not None and driver_value.text:
            self.plan.source = driver_value.where
            self._rewrite_sets("gdxpath", driver_value.text, STAGED_GDXPATH)
            text = driver_value.text
        elif gdxpath:
            self.plan.source, text = source, gdxpath
        else:
            return "gamssave/" if self._finder.folders.find_folder(self._working, "gamssave") else ""
        self.plan.gdxpath = STAGED_GDXPATH
        if is_absolute(text) and not Path(text).is_dir():
            own = base_of(text)
            here = self._finder.folders.find_folder(self._working, own)
            self._finder.warn(
                f"{self.plan.source} sets GDXPATH to {text!r}, which is not on this machine; "
                + (f"using {str(here)!r}." if here else "GDX files are looked for in the run folder.")
            )
            return f"{own}/" if here else ""
        return text

    def _needs(self, prefix: str) -> Iterator[_Need]:
        macro = [value.text.upper() for value in self._macros.values("macro")]
        for value in self._macros.values("timesed"):
            word = value.text.upper()
            if macro == ["YES"]:  # TIMES-MACRO switches elastic demands off
                continue
            if word == "YES":
                yield _Need("TIMESED", value.text, value.where, value.meant, ("com_bprice",))
            elif word not in ("", "0", "NO"):
                three = (f"{prefix}{value.text}_DP", f"{prefix}{value.text}", "com_bprice")
                yield _Need("TIMESED", value.text, value.where, value.meant, three)
        for control, value in self._load_points():
            either = (f"{prefix}{value.text}_p", f"{prefix}{value.text}")
            names = either[::-1] if self._macros.values("fixboh") else either
            yield _Need(control, value.text, value.where, value.meant, names)
        for control in ("GDX_IREBND", "GDX_IPRIC"):
            for value in self._macros.values(control):
                if value.text:
                    yield _Need(control, value.text, value.where, value.meant, (f"{prefix}{value.text}",))
        yield from self._optional(prefix)

    def _load_points(self) -> Iterator[tuple[str, Value]]:
        own = [v for v in self._macros.values("rpoint") if v.text.upper() not in ("YES", "NO", "")]
        for value in own:
            yield "RPOINT", value
        if not any(value.meant for value in own):
            for value in self._macros.values("lpoint"):
                if value.text:
                    yield "LPOINT", value

    def _optional(self, prefix: str) -> Iterator[_Need]:
        names = [value.text for value in self._macros.values("run_name")] or [self._driver.stem]
        for name in names:
            for value in self._macros.values("spoint"):
                if value.text in ("2", "3"):
                    either = (f"{prefix}{name}_p", f"{prefix}{name}")
                    yield _Need("SPOINT", name, value.where, False, either)
            for value in self._macros.values("datagdx"):
                yield _Need("DATAGDX", name, value.where, False, (f"{name}~data",))

    def _take_need(self, need: _Need, prefix: str) -> None:
        if UNKNOWN in need.value:
            self._finder.warn(f"{need.where}: {need.control} names a GDX file that could not be worked out.")
            return
        for name in need.names:
            found = self._find(f"{name_text(name)}.gdx")
            if found is None:
                continue
            by_path = name.startswith(prefix) and bool(prefix or len(parts_of(need.value)) > 1)
            self._take(found, need, in_gdxpath=by_path and name != "com_bprice")
            return
        if need.control in ("SPOINT", "DATAGDX"):
            return
        files = tuple(f"{name}.gdx" for name in need.names)
        if need.certain:
            searched = tuple(str(search.path) for search in self._finder.dirs)
            self._finder.miss(MissingGdx(files, f"{need.control} = {need.value}", need.where, searched))
            return
        self._finder.warn(f"{need.where}: {need.control} may need {' or '.join(files)}, which was not found.")

    def _take(self, found: Found, need: _Need, *, in_gdxpath: bool) -> None:
        name = found.path.name
        why = f"{need.where}, {need.control}"
        if in_gdxpath:
            self.plan.gdxpath = STAGED_GDXPATH
            self.plan.source = self.plan.source or why
            name = f"{STAGED_GDXPATH}{name}"
        self._finder.take(found, Role.GDX, why, workdir_name=name)
        if len(parts_of(need.value)) > 1:  # it names a path: the staged file is in the GDX folder itself
            base = base_of(need.value).lower()
            self._rewrite_sets(need.control.lower(), need.value, base)
            self.plan.parameters[need.control.lower()] = base

    def _rewrite_sets(self, control: str, value: str, instead: str) -> None:
        for use in self._chain.set_uses:
            if use.name == control and value in self._macros.expand(use.raw):
                self._finder.uses.append(NameUse(use.file, use.line, use.raw, value, None, instead))

    def _find(self, text: str) -> Found | None:
        """In the working directory, else (as `$gdxin` and `$if exist` do) in the other search folders."""
        if is_absolute(text):
            path = Path(text)
            return Found(path, path.parent) if path.is_absolute() and path.is_file() else None
        for search in self._finder.dirs:
            if here := self._finder.folders.find_file(search.path, text):
                return Found(here, search.path)
        return None

    def _take_use(self, use: GdxUse) -> None:
        """A `$gdxin` or `execute_load` of the model's own."""
        where = f"{use.file.name}:{use.line}"
        for name in use.names:
            if UNKNOWN in name:
                if not use.at_run_time:
                    self._finder.take_computed(use.raw, f"{name}.gdx".replace(".gdx.gdx", ".gdx"), use.file, use.line)
                continue
            text = name_text(name)
            text = text if text.lower().endswith(".gdx") else f"{text}.gdx"
            found = self._find(text)
            if found is not None and use.at_run_time:
                self._finder.take(found, Role.GDX, where, workdir_name=base_of(text))
                if len(parts_of(text)) > 1:
                    value = base_of(text).lower()
                    self._finder.uses.append(NameUse(use.file, use.line, use.raw, name, found.path, value))
            elif found is not None:
                self._finder.take(found, Role.GDX, where)
                self._finder.uses.append(NameUse(use.file, use.line, use.raw, name, found.path))
            elif not use.at_run_time and not (self._finder.is_written(text) or self._finder.is_written(text[:-4])):
                self._missing_gdxin(use, text, where)

    def _missing_gdxin(self, use: GdxUse, text: str, where: str) -> None:
        if use.reach is Reach.SURELY and len(use.names) == 1:
            searched = tuple(str(search.path) for search in self._finder.dirs)
            self._finder.miss(MissingGdx((text,), "$gdxin", where, searched))
            return
        self._finder.warn(f"{where} may load {text!r}, which was not found: taken as not needed.")
