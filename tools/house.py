"""Measure the house: rooms, sizes, imports and journeys. Prints each number and exits 1 where one is not met."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

TOP = Path(__file__).resolve().parent.parent
ROOTS = ("cli/times_doctor_cli", "tasks/times_doctor_tasks", "worker/times_doctor_worker")
#: Folders that may hold fewer than two modules.
SMALL_ROOMS = frozenset({"demo", "dashboard"})
NOT_COUNTED = frozenset({"__init__.py", "__main__.py"})
MAX_MODULES, MIN_MODULES, MAX_ROOT_MODULES = 14, 2, 6
#: The lines of the product before the newest round of features. What a feature adds is named here with its reason.
BASE_PRODUCT_LINES = 31_215
GROWTHS = {
    "advice: class of a model, conflict, scaling, quality, ranking by work, diagnosis, results back to VEDA": 3_700,
    "reading: launchers, what GAMS's caller sets, option files line by line, logs as people hand them on": 1_638,
    "hardening: hostile names and files, passwords, sandboxed engines, brokers and hosts that misbehave": 1_911,
    "a trial kit for whoever has GAMS, and a record of what apply wrote, for its way back": 400,
    "solvers without GAMS: one solve program, adapters, licences, logs": 1_260,
    "a licence that is too small or no good: a larger one elsewhere, and what to do": 60,
    "a fair team: order, seats, place in line": 1_500,
    "a team's memory: history of runs, memory they need, hosts that come and go": 700,
    "told when it ends: names, their addresses, what is told once, and the process that sends": 300,
    "seen by operations: metrics, health, who cancelled what; bounds where bytes come in": 1_200,
    "an operator's user, passwords kept when rules are renewed, the user to take named in errors": 60,
    "many runs in a scan: packed reports, reads of what has changed, many answers at once": 128,
    "fakes for others' tests, and every use of Celery's inside in one module": 300,
    "options of scan and worker in groups, without rich": 30,
    "one JSON answer however a command ends; models and settings that are none refused before they are read": 120,
    "renamed folders and profiles, names too long, a local cache freed without its broker": 18,
    "files of others: endings of logs, parts of a model that were left out, what called programs read": 81,
    "full disks told by a local scan, empty arguments, files that are not ours, models that change": 90,
    "less: jinja2, platformdirs, profiles and sample as data, one home for a name, a sentence, a table": -1_890,
}
MAX_MODULE_LINES, MAX_FUNCTION_LINES = 500, 40
#: What the import of a package alone must not load: the guard forks before it imports.
HEAVY = ("billiard", "celery", "jinja2", "kombu", "msgspec", "psutil", "redis", "rich", "typer")


@dataclass(frozen=True, slots=True)
class Measure:
    """One number, its limit in words, and each thing that breaks the limit."""

    name: str
    value: str
    limit: str
    faults: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Journey:
    """The files that one thing passes, in order; `via[file]` says how it gets there where no import does."""

    name: str
    at_most: int
    files: tuple[str, ...]
    via: dict[str, str]


def sources(top: Path) -> list[Path]:
    """Every module of the product."""
    return sorted(path for root in ROOTS for path in (top / root).rglob("*.py"))


def room_faults(top: Path) -> Iterator[str]:
    """Each folder with too many or too few modules."""
    for root in ROOTS:
        for folder in sorted({path.parent for path in (top / root).rglob("*.py")}):
            modules = sum(path.name not in NOT_COUNTED for path in folder.glob("*.py"))
            rooms = any((child / "__init__.py").exists() for child in folder.iterdir())
            most = MAX_ROOT_MODULES if folder == top / root else MAX_MODULES
            least = 0 if rooms or folder == top / root or folder.name in SMALL_ROOMS else MIN_MODULES
            if not least <= modules <= most:
                yield f"{folder.relative_to(top)}: {modules} modules, not {least} to {most}"


def function_lengths(path: Path) -> list[tuple[int, str]]:
    """Lines and name of each function of a module."""
    tree = ast.parse(path.read_text("utf-8"))
    return [
        ((node.end_lineno or node.lineno) - node.lineno + 1, f"{path.name}:{node.lineno} {node.name}")
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]


def imported(path: Path) -> set[str]:
    """The modules that a file imports anywhere, as dotted names; `from a import b` gives both `a` and `a.b`."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return names


def dotted(file: str) -> str:
    """The module name of a file.

    >>> dotted("cli/times_doctor_cli/live/loop.py")
    'times_doctor_cli.live.loop'
    """
    return ".".join(PurePosixPath(file).with_suffix("").parts[1:])


def journey_faults(journey: Journey, top: Path) -> Iterator[str]:
    """What is wrong with a journey: missing files, unexplained steps, returns to a room it has left."""
    if len(journey.files) > journey.at_most:
        yield f"{len(journey.files)} files, not at most {journey.at_most}"
    missing = [file for file in journey.files if not (top / file).is_file()]
    yield from (f"there is no {file}" for file in missing)
    left: set[str] = set()
    for before, file in zip(journey.files, journey.files[1:], strict=False):
        room, room_before = ("/".join(name.split("/")[:3]) for name in (file, before))
        if room != room_before:
            left.add(room_before)
        if room in left:
            yield f"{file} turns back to {room}"
        if file in journey.via or missing:
            continue
        if dotted(before) not in imported(top / file) and dotted(file) not in imported(top / before):
            yield f"{before} and {file} do not import each other, and no `via` explains the step"


def read_journeys(path: Path) -> list[Journey]:
    """The declared journeys."""
    tables = tomllib.loads(path.read_text("utf-8"))["journey"]
    return [Journey(t["name"], t["at_most"], tuple(t["files"]), t.get("via", {})) for t in tables]


def heavy_packages(top: Path) -> Iterator[str]:
    """Each package of the product that loads something heavy when it alone is imported in a new interpreter."""
    names = [dotted(str(path.parent.relative_to(top))) for path in sources(top) if path.name == "__init__.py"]
    code = (
        "import importlib, sys\n"
        f"for name in {names!r}:\n"
        "    for mine in [m for m in sys.modules if m.startswith('times_doctor_')]: del sys.modules[mine]\n"
        "    importlib.import_module(name)\n"
        f"    found = [heavy for heavy in {HEAVY!r} if heavy in sys.modules]\n"
        "    if found: print(name, 'loads', ', '.join(found)); break\n"
    )
    done = run([sys.executable, "-c", code], top)
    yield from done.stdout.splitlines()
    if done.returncode:
        yield done.stderr.strip().splitlines()[-1]


def run(command: Sequence[str], top: Path) -> subprocess.CompletedProcess[str]:
    """Run a command in the repository and keep what it prints."""
    return subprocess.run(command, cwd=top, capture_output=True, text=True, check=False)


def layer_faults(top: Path) -> Iterator[str]:
    """The contracts that import-linter finds broken."""
    done = run([str(Path(sys.executable).parent / "lint-imports")], top)
    if done.returncode:
        yield from [line for line in done.stdout.splitlines() if "BROKEN" in line] or [done.stderr or done.stdout]


def shared_lines(report: str) -> Iterator[str]:
    """The findings of pylint's duplicate-code, from its JSON."""
    for message in json.loads(report)["messages"]:
        places = re.findall(r"^==([\w.]+):\[(\d+):(\d+)\]$", message["message"], re.MULTILINE)
        yield " and ".join(f"{module}:{int(first) + 1}-{last}" for module, first, last in places)


def duplicates(top: Path) -> Iterator[str]:
    """Places of the product that share six lines or more, imports, signatures, comments and docstrings aside."""
    leave_out = [f"--ignore-{what}=y" for what in ("imports", "signatures", "comments", "docstrings")]
    options = ["--disable=all", "--enable=duplicate-code", "--min-similarity-lines=6", "--output-format=json2"]
    done = run([sys.executable, "-m", "pylint", *options, *leave_out, *ROOTS], top)
    yield from shared_lines(done.stdout) if done.stdout else [done.stderr.strip()]


def measures(top: Path) -> Iterator[Measure]:
    """Every number, with its faults."""
    yield Measure(
        "rooms", f"{len({p.parent for p in sources(top)})} folders", "2 to 14 modules", tuple(room_faults(top))
    )
    lines = {path: len(path.read_text("utf-8").splitlines()) for path in sources(top)}
    total = sum(lines.values())
    most = BASE_PRODUCT_LINES + sum(GROWTHS.values())
    over = (f"{total - most} lines too many: delete some, or name a growth and its reason",) if total > most else ()
    yield Measure("product lines", f"{total:,}", f"at most {most:,}", over)
    long = tuple(f"{path.relative_to(top)}: {n}" for path, n in lines.items() if n > MAX_MODULE_LINES)
    yield Measure("longest module", f"{max(lines.values())} lines", f"at most {MAX_MODULE_LINES}", long)
    lengths = sorted(length for path in lines for length in function_lengths(path))
    middle, ninth = lengths[len(lengths) // 2][0], lengths[len(lengths) * 9 // 10][0]
    value = f"median {middle}, 90% within {ninth}, longest {lengths[-1][0]} lines"
    long = tuple(f"{name}: {n}" for n, name in lengths if n > MAX_FUNCTION_LINES)
    yield Measure("functions", value, f"at most {MAX_FUNCTION_LINES}", long)
    heavy = tuple(heavy_packages(top))
    yield Measure("heavy packages", str(len(heavy)), "none", heavy)
    again = tuple(duplicates(top))
    yield Measure("duplicates", str(len(again)), "none", again)
    layers = tuple(layer_faults(top))
    yield Measure("broken layers", str(len(layers)), "none", layers)
    for journey in read_journeys(top / "tools" / "journeys.toml"):
        faults = tuple(journey_faults(journey, top))
        yield Measure(journey.name, f"{len(journey.files)} files", f"at most {journey.at_most}", faults)


def main() -> int:
    """Print the numbers; 1 where one is not met."""
    red = False
    for measure in measures(TOP):
        red = red or bool(measure.faults)
        print(f"{'RED' if measure.faults else 'ok ':3} {measure.name}: {measure.value} ({measure.limit})")
        for fault in measure.faults:
            print(f"      {fault}")
    return int(red)


if __name__ == "__main__":
    sys.exit(main())
