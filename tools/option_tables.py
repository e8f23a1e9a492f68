"""Writes the tables of `profiles/option_table.py`: `option_tables.py highs`, or `... gams VERSION DEF ...`.

HiGHS's records come from the highspy of this Python. GAMS's come from the `opt<solver>.def` files of its system folder,
or of the packages gamspy-base (CPLEX), gamspy-gurobi, gamspy-xpress, gamspy-copt, gamspy-mosek, gamspy-highs and
gamspy-cbc. A record is [kind], [kind, low, high] or ["word", choice, ...].
"""

from __future__ import annotations

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


def write(name: str, product: str, solvers: dict[str, dict[str, Record]]) -> None:
    """Writes one table, an option a line."""
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
    else:
        texts = {Path(path).stem.removeprefix("opt"): Path(path).read_text("latin-1") for path in sys.argv[3:]}
        tables = {solver: gams_records(text.splitlines(keepends=True)) for solver, text in texts.items()}
        write("gams", f"GAMS {sys.argv[2]}", tables)
