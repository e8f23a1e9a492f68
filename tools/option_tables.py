"""Writes the tables of `profiles/option_table.py`: `option_tables.py highs`, `... gams VERSION DEF ...`, `... native`.

HiGHS's records come from the highspy of this Python. GAMS's come from the `opt<solver>.def` files of its system folder,
or of the packages gamspy-base (CPLEX), gamspy-gurobi, gamspy-xpress, gamspy-copt, gamspy-mosek, gamspy-highs and
gamspy-cbc. A record is [kind], [kind, low, high] or ["word", choice, ...].

Those of native solvers come from the solvers that this Python has (`make test-solvers` makes such an environment), by
the names of GAMS's table where GAMS has one: [native name, kind, low, high], or [null] for a name that only GAMS knows.
"""

from __future__ import annotations

import contextlib
import json
import re
import sys
import tempfile
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path

TABLES = Path(__file__).parents[1] / "tasks/times_doctor_tasks/profiles/option_tables"
_WRITTEN = re.compile(
    r"# (.*)\n# \[type: (\w+), advanced: \w+(?:, range: [\[{](.*?), (.*?)[\]}])?, default: .*\]\n(\S+) ="
)
_RECORD = re.compile(r"\.?(\S+)\s+(\w+)\s*(.*)")
_VALUE = re.compile(r'"?([^"\s]+)"?\s+-?\d+\s')
_KINDS = {"bool": "boolean", "boolean": "boolean", "integer": "integer", "double": "double"}
_INFINITE = {"inf": None, "-inf": None, "maxdouble": None, "mindouble": None, "maxint": 2**31 - 1, "minint": -(2**31)}

Record = list[object]


def highs_records() -> dict[str, Record]:
    """What the installed HiGHS says of its options."""
    import highspy

    highs = highspy.Highs()  # type: ignore[no-untyped-call]  # highspy is typed in part
    highs.setOptionValue("output_flag", False)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "options"
        highs.writeOptions(str(path))
        text = path.read_text("utf-8")
    return {name: _highs_record(kind, what, low, high) for what, kind, low, high, name in _WRITTEN.findall(text)}


def _highs_record(kind: str, what: str, low: str, high: str) -> Record:
    if kind == "string":
        choices = re.findall(r'"([^"\\]+)"', what)
        return ["word", *choices] if choices else ["text"]
    return ["boolean"] if kind == "bool" else [kind, _number(low), _number(high)]


def gams_records(lines: Iterable[str]) -> dict[str, Record]:
    """What an `opt<solver>.def` says, by name in lower case."""
    found: dict[str, Record] = {}
    synonyms: dict[str, str] = {}
    current: Record | None = None
    for line in lines:
        if line.startswith(" ") and current is not None and current[0] == "word":
            if value := _VALUE.match(line.strip() + " "):
                current.append(value[1].lower())
        elif match := _RECORD.fullmatch(line.rstrip()) if line[:1] not in (" ", "*", "\n", "\r") else None:
            name, kind, rest = match[1].lower(), match[2].lower(), match[3].split()
            if kind == "synonym":
                synonyms[name] = rest[0].lower()
            elif kind not in ("group", "separator", "stringquote", "eolcomm", "immediate"):
                current = found[name] = _gams_record(kind, rest)
    return found | {name: found[meant] for name, meant in synonyms.items() if meant in found}


def _gams_record(kind: str, rest: list[str]) -> Record:
    if kind in ("enumint", "enumstr"):
        return ["word"]
    if kind in ("integer", "double"):  # name, kind, code, default, low, high
        return [kind, *(_number(text) for text in rest[2:4])]
    return [_KINDS.get(kind, "text")]


def _number(text: str) -> float | int | None:
    if text.lower() in _INFINITE:
        return _INFINITE[text.lower()]
    value = float(text)
    return int(value) if value.is_integer() and abs(value) < 2**53 else value


PACKAGES = {"CPLEX": "cplex", "GUROBI": "gurobipy", "XPRESS": "xpress", "COPT": "coptpy"}
#: Names of GAMS's links that mean a native option of another name.
MEANT = {
    "cplex": {"gthreads": "threads", "lpdisplaylev": "simdisplay", "setitfoind": "simdisplay"},
    "gurobi": {"lpmethod": "method", "rootmethod": "method"},
    "xpress": {"reslim": "timelimit"},
    "copt": {},
}
#: CPLEX: names of GAMS that are not the C names, by the number of the parameter (third field of `optcplex.def`).
CPLEX_NUMBERS = {
    "heuristiceffort": 2120, "liftprojcuts": 2152, "localimplied": 2181, "multobjdisplay": 1600, "qtolin": 4012,
    "sifting": 1158, "submipnodelim": 2212, "submipscale": 2207, "warninglimit": 1157, "workeralgorithm": 1500,
}  # fmt: skip


def native_records() -> dict[str, dict[str, Record]]:
    """What each native solver of this Python says of its options, and which names of GAMS's are none of its."""
    gams = json.loads((TABLES / "gams.json").read_text("utf-8"))["solvers"]
    tables: dict[str, dict[str, Record]] = {}
    for solver, ask in (("cplex", _cplex), ("gurobi", _gurobi), ("xpress", _xpress), ("copt", _copt)):
        known = {name: _boolean(record) for name, record in ask(gams[solver]).items() if record[1] != "text"}
        synonyms = {name: known[meant] for name, meant in MEANT[solver].items()}
        of_gams_only: dict[str, Record] = {name: [None] for name in gams[solver]}
        tables[solver] = of_gams_only | known | synonyms
    return tables


def _boolean(record: Record) -> Record:
    return [record[0], "boolean"] if record[1:] == ["integer", 0, 1] else record


def _kind(value: object) -> str:
    return "integer" if isinstance(value, int) else "double" if isinstance(value, float) else "text"


def _cplex(_: Iterable[str]) -> dict[str, Record]:
    import cplex
    from cplex._internal import _constants as constants

    found: dict[int, Record] = {}

    def walk(group: object, path: str) -> None:
        for name in dir(group):
            if name.startswith("_"):
                continue
            member = getattr(group, name)
            if hasattr(member, "_id"):
                value = member.get()
                bounds = [] if isinstance(value, str) else [_finite(member.min()), _finite(member.max())]
                found[member._id] = [f"{path}{name}", _kind(value), *bounds]  # noqa: SLF001  # there is no other way to its number
            elif "Group" in type(member).__name__:
                walk(member, f"{path}{name}.")

    solver = cplex.Cplex()
    walk(solver.parameters, "")
    named = {name[10:].lower(): getattr(constants, name) for name in dir(constants) if name.startswith("CPX_PARAM_")}
    return {name: found[number] for name, number in {**named, **CPLEX_NUMBERS}.items() if number in found}


def _gurobi(names: Iterable[str]) -> dict[str, Record]:
    import gurobipy

    env = gurobipy.Env(params={"OutputFlag": 0})
    model = gurobipy.Model(env=env)
    own = [name for name in dir(gurobipy.GRB.Param) if not name.startswith("_")]
    told = {name.lower(): model.getParamInfo(name) for name in (*names, *own)}
    return {name: [t[0], _kind(t[1]()), *map(_finite, t[3:5])] for name, t in told.items() if t}


def _xpress(names: Iterable[str]) -> dict[str, Record]:
    import xpress

    problem = xpress.problem()
    problem.setOutputEnabled(False)
    own = [name for name in dir(problem.controls) if not name.startswith("_")]
    told: dict[str, Record] = {}
    for name in {name.lower() for name in (*names, *own)}:
        with contextlib.suppress(Exception):
            told[name] = [name, _kind(problem.getControl(name))]
    return told


def _copt(names: Iterable[str]) -> dict[str, Record]:
    import coptpy

    quiet = coptpy.EnvrConfig()
    quiet.set("nobanner", "1")
    model = coptpy.Envr(quiet).createModel("table")
    own = [name for name in dir(coptpy.COPT.Param) if not name.startswith("_")]
    told: dict[str, Record] = {}
    for name in (*names, *own):
        with contextlib.suppress(Exception):
            info = model.getParamInfo(name)
            told[name.lower()] = [info[0], _kind(info[1]), _finite(info[3]), _finite(info[4])]
    return told


def _finite(value: object) -> float | None:
    return value if isinstance(value, int | float) and abs(value) < 1e20 else None


def write(name: str, product: str, solvers: dict[str, dict[str, Record]]) -> None:
    """Writes one table, one option per line."""
    parts = []
    for solver, records in sorted(solvers.items()):
        lines = ",\n".join(f"{json.dumps(key)}: {json.dumps(record)}" for key, record in sorted(records.items()))
        parts.append(f"{json.dumps(solver)}: {{\n{lines}\n}}")
    body = ",\n".join(parts)
    TABLES.mkdir(exist_ok=True)
    (TABLES / f"{name}.json").write_text(
        f'{{"product": {json.dumps(product)}, "solvers": {{\n{body}\n}}}}\n', encoding="utf-8"
    )


if __name__ == "__main__":
    if sys.argv[1] == "highs":
        write("highs", f"HiGHS {version('highspy')}", {"highs": highs_records()})
    elif sys.argv[1] == "native":
        products = ", ".join(f"{name} {version(package)}" for name, package in PACKAGES.items())
        write("native", products, native_records())
    else:
        texts = {Path(path).stem.removeprefix("opt"): Path(path).read_text("latin-1") for path in sys.argv[3:]}
        tables = {solver: gams_records(text.splitlines(keepends=True)) for solver, text in texts.items()}
        write("gams", f"GAMS {sys.argv[2]}", tables)
