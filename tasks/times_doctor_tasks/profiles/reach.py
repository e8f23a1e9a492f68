"""Options with effects outside the run: they name files, programs or networks of the host.

The tables tell which options take a text; all of these have such effects, except those listed here. Options in no table
are judged by name, so that those of newer solvers are refused too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from times_doctor_tasks.profiles.option_file import numbered_options
from times_doctor_tasks.profiles.option_table import option_table

#: HiGHS's log option: the run's log is always written, so a plain name here is just dropped.
LOG_FILE = "log_file"
#: Options of type text that hold words, tolerances, versions or marks.
_WORDS = frozenset((
    "algorithm", "appname", "bndrng", "cplex11", "cplex20_1", "cpumask", "dummy", "gurobi3", "hipo_ordering",
    "hipo_parallel_type", "hipo_system", "icrash_strategy", "indic", "isvname", "mip_ipm_solver",
    "mip_lp_solver", "mipstopexpr", "msk_spar_param_comment_sign", "objnabstol", "objnreltol", "objrng",
    "parallel", "presolve", "rhsrng", "run_crossover", "solver", "synon", "xpress_38_01", "xpress_41_01",
    "xpress_50_01", "xpress_51_01", "xslp_iterfallbackops",
))  # fmt: skip
_LOOKS = re.compile(
    r"(?<!pro)file|path|folder|director|workdir|^(?:write|read|dump|import|export|save)(?!.*(?:style|format|level))"
    r"|trace$|call$|command|script|server|remote|host|cloud|token|url|password|worker|^secret$|^special$|tuning$"
    r"|^solnpool(?:|merge|prefix|popdel|poprepeat)$"
)
#: Formats of files that must not be written either.
_WRITES = re.compile(r"msk_ipar_write_")
#: Characters other than the line feed that a reader may treat as the end of a line.
_BREAKS = re.compile(r"[\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")


def reaches_out(engine: str, solver: str, name: str) -> bool:
    """Whether an option names files, programs or networks.

    >>> reaches_out("highs", "highs", "solution_file"), reaches_out("gams", "cplex", "UserHeurCall")
    (True, True)
    >>> reaches_out("highs", "highs", "solver"), reaches_out("gams", "gurobi", "nodefilestart")
    (False, False)
    """
    name = name.strip("'\"").lower()
    table = option_table(engine, solver)
    if table is None or table.natively(name) is None:
        table = option_table("gams", solver)
    record = table.find(name) if table is not None else None
    if record is None or _WRITES.match(name):
        return bool(_LOOKS.search(name) or _WRITES.match(name))
    return record.kind == "text" and name not in _WORDS


def reaching(text: str, solver: str, engine: str) -> Iterator[tuple[int, str, str]]:
    """(line from 1, name, value) of each option that reaches out; HiGHS's `log_file = plain.name` does not.

    >>> list(reaching("threads = 1\\nlog_file = my.log\\nsolution_file = ../x", "highs", "highs"))
    [(3, 'solution_file', '../x')]
    """
    for number, line in enumerate(text.removeprefix("\ufeff").split("\n"), 1):
        for piece in _BREAKS.split(line):
            for _, name, value in numbered_options(piece, solver):
                if reaches_out(engine, solver, name) and not (engine != "gams" and _is_harmless(name, value)):
                    yield number, name, value


def is_left_out(engine: str, name: str, value: str) -> bool:
    """Whether it is a log file with a plain name for HiGHS alone: the run goes on without the line."""
    return engine != "gams" and name.strip("'\"") == LOG_FILE and bool(value) and _is_harmless(name, value)


def _is_harmless(name: str, value: str) -> bool:
    """An empty value names nothing; the place of HiGHS's log does not matter."""
    is_plain = name.strip("'\"") == LOG_FILE and not re.search(r"[/\\:]", value) and value not in (".", "..")
    return is_plain or not value
