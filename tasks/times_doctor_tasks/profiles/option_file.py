"""Solver option files as text: reads, checks and changes them without touching other lines.

Syntax as tried with GAMS 54.6.1 and the solvers it ships: CPLEX, Gurobi, Xpress take `key value`, `key=value` and a
comment at the end of a line; COPT and MOSEK take both forms; HiGHS takes `key = value` only, and on any other line
says so once in its log and solves with its defaults.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import msgspec

#: Solvers whose GAMS link reports conflicts with `iis 1`, in a form that we can read.
CONFLICT_SOLVERS = ("cplex", "gurobi", "copt")


class OptionText(msgspec.Struct, frozen=True):
    """The content of an option file."""

    options: tuple[tuple[str, str], ...]
    """(name, value) as written, in order; an option that is set twice is here twice."""
    comments: tuple[str, ...]
    """Whole-line comments, without their line ends."""

    def value(self, name: str, default: str = "") -> str:
        """The effective (last) value, in lower case; names are case-insensitive."""
        wanted = name.lower()
        return next((value.lower() for key, value in reversed(self.options) if key.lower() == wanted), default)


class _Syntax(msgspec.Struct, frozen=True):
    comment: tuple[str, ...] = ("*",)
    """What begins a comment line."""
    line_end_comment: tuple[str, ...] = ()
    """What begins a comment after a value, where it follows white space."""
    needs_equals: bool = False
    threads: str = ""
    """Name of the option that sets the number of threads; empty where we know none."""
    display: tuple[tuple[str, str, bool], ...] = ()
    """(name, value, add it where absent): what makes a log worth reading."""
    synonyms: Mapping[str, str] | None = None


_SYNTAX: Mapping[str, _Syntax] = {
    "cplex": _Syntax(
        comment=("*", "!"),
        line_end_comment=("*", "!"),
        threads="threads",
        # simdisplay 1 prints a line per refactorization; 2 prints one per pivot, a million of them on a real model.
        display=(("simdisplay", "1", True), ("bardisplay", "2", True), ("siftdisplay", "1", False)),
        synonyms={"gthreads": "threads", "lpdisplaylev": "simdisplay", "setitfoind": "simdisplay"},
    ),
    "gurobi": _Syntax(
        line_end_comment=("*",),
        threads="threads",
        display=(("displayinterval", "1", True), ("outputflag", "1", False)),
        synonyms={"lpmethod": "method", "rootmethod": "method"},
    ),
    "xpress": _Syntax(line_end_comment=("*",), threads="threads"),
    "copt": _Syntax(threads="threads"),
    "mosek": _Syntax(line_end_comment=("%",), threads="MSK_IPAR_NUM_THREADS"),
    "highs": _Syntax(comment=("#",), needs_equals=True, threads="threads", display=(("output_flag", "true", False),)),
    "cbc": _Syntax(threads="threads"),
}
_PLAIN = _Syntax()
_LINE = re.compile(r"(?P<head>\s*(?P<name>[^\s=]+)(?:[ \t]*=[ \t]*|[ \t]+|))(?P<value>.*?)(?P<tail>\s*)", re.DOTALL)


def parse_options(text: str, solver: str) -> OptionText:
    """The options of `text` in order, and its comments apart.

    >>> parse_options("* dual simplex\\nlpmethod 2\\nepopt=1e-9\\n", "cplex").options
    (('lpmethod', '2'), ('epopt', '1e-9'))
    """
    lines = text.removeprefix("\ufeff").split("\n")
    comments = tuple(line.rstrip("\r") for line in lines if _is_comment(line, _syntax(solver)))
    return OptionText(tuple((name, value) for _, name, value in numbered_options(text, solver)), comments)


def numbered_options(text: str, solver: str) -> Iterator[tuple[int, str, str]]:
    """(line from 1, name, value) of each option as written, in order."""
    for number, line in enumerate(text.removeprefix("\ufeff").split("\n"), 1):
        if parts := _split(line, _syntax(solver)):
            yield number, parts.name, parts.value.strip("\"'")


def broken_lines(text: str, solver: str) -> tuple[tuple[int, str], ...]:
    """(line number from 1, line) of each line that `solver` cannot read as an option; HiGHS drops the whole file then.

    >>> broken_lines("solver = ipm\\nthreads 4\\n", "highs")
    ((2, 'threads 4'),)
    """
    syntax = _syntax(solver)
    if not syntax.needs_equals:
        return ()
    lines = text.split("\n")
    return tuple(
        (number, line.strip())
        for number, line in enumerate(lines, start=1)
        if line.strip() and not line.startswith(syntax.comment) and ("=" not in line or _is_comment(line, syntax))
    )


def with_threads(text: str, solver: str, threads: int) -> str:
    """`text` with the number of threads set to `threads`, everything else byte for byte.

    Unchanged for a solver whose option we do not know.

    >>> with_threads("lpmethod 4\\nThreads  7 ! all of them\\n", "cplex", 2)
    'lpmethod 4\\nThreads  2 ! all of them\\n'
    """
    name = _syntax(solver).threads
    return _with_option(text, solver, name, str(threads)) if name else text


def with_display(text: str, solver: str) -> str:
    """`text` with the log set so that progress can be read from it, everything else byte for byte."""
    for name, value, add in _syntax(solver).display:
        text = _with_option(text, solver, name, value, add=add)
    return text


def with_mip_start(text: str, solver: str) -> str:
    """`text` for a model solved as MIP: CPLEX's `lpmethod` does not apply to the relaxations of a MIP.

    The root relaxation gets the method by `startalg`; the nodes get it by `subalg` where it is a simplex method:
    only those can start from the basis of the node before. Options in the text are kept.
    """
    options = parse_options(text, solver)
    method = options.value("lpmethod")
    if solver != "cplex" or method in {"", "0"}:
        return text
    if not options.value("startalg"):
        text = _with_option(text, solver, "startalg", method)
    if method in {"1", "2"} and not options.value("subalg"):
        text = _with_option(text, solver, "subalg", method)
    return text


def with_conflict_search(text: str, solver: str) -> str:
    """`text` that also asks for the conflict of an infeasible model; unchanged if the solver cannot report it."""
    return _with_option(text, solver, "iis", "1") if solver.lower() in CONFLICT_SOLVERS else text


def is_interior(text: str, solver: str) -> bool:
    """Whether a solve with these options ends without crossover, as far as the options tell.

    Such a solution is not a vertex: its marginals differ from those of a simplex solve.

    >>> is_interior("lpmethod 4\\nsolutiontype 2", "cplex"), is_interior("lpmethod 2\\nsolutiontype 2", "cplex")
    (True, False)
    """
    options = parse_options(text, solver)
    judge = _INTERIOR.get(solver)
    return judge(options) if judge else False


def needed_solver(options: str, solver: str) -> str:
    """What a host needs to run a text: the solver, or "hipo", a part of HiGHS that not every host has.

    >>> needed_solver("solver = hipo\\n", "highs"), needed_solver("solver = ipx\\n", "highs")
    ('hipo', 'highs')
    """
    wants_hipo = any(value.lower() == "hipo" for _, value in parse_options(options, solver).options)
    return "hipo" if solver == "highs" and wants_hipo else solver


def _cplex_interior(options: OptionText) -> bool:
    simplex_like = options.value("lpmethod") in {"1", "2", "3", "5"}
    return not simplex_like and (options.value("solutiontype") == "2" or options.value("barcrossalg") == "-1")


def _gurobi_interior(options: OptionText) -> bool:
    method = options.value("method") or options.value("lpmethod") or options.value("rootmethod")
    no_basis = options.value("crossover") == "0" or options.value("solutiontarget") == "1"
    return method not in {"0", "1", "5"} and no_basis


def _xpress_interior(options: OptionText) -> bool:
    return options.value("defaultalg") not in {"2", "3"} and options.value("crossover") == "0"


def _copt_interior(options: OptionText) -> bool:
    # Without LpMethod COPT solves an LP by its dual simplex.
    return options.value("lpmethod", "-1") not in {"-1", "1", "3"} and options.value("crossover") == "0"


def _mosek_interior(options: OptionText) -> bool:
    by_simplex = "simplex" in options.value("MSK_IPAR_OPTIMIZER")
    return not by_simplex and options.value("MSK_IPAR_INTPNT_BASIS") in {"msk_bi_never", "0"}


def _highs_interior(options: OptionText) -> bool:
    solver = options.value("solver", "choose")
    return solver in {"pdlp", "hipdlp"} or (
        solver in {"ipm", "ipx", "hipo"} and options.value("run_crossover") == "off"
    )


_INTERIOR = {
    "cplex": _cplex_interior,
    "gurobi": _gurobi_interior,
    "xpress": _xpress_interior,
    "copt": _copt_interior,
    "mosek": _mosek_interior,
    "highs": _highs_interior,
}


class _Line(msgspec.Struct, frozen=True):
    head: str
    name: str
    value: str
    rest: str
    """Everything after the value: white space, a comment, the line's carriage return."""


def _syntax(solver: str) -> _Syntax:
    return _SYNTAX.get(solver.lower(), _PLAIN)


def _is_comment(line: str, syntax: _Syntax) -> bool:
    return line.lstrip().startswith(syntax.comment)


def _split(line: str, syntax: _Syntax) -> _Line | None:
    if not line.strip() or _is_comment(line, syntax) or (syntax.needs_equals and "=" not in line):
        return None
    match = _LINE.fullmatch(line)
    if match is None:
        return None
    value, rest = match["value"], match["tail"]
    for mark in syntax.line_end_comment:
        before, found, comment = value.partition(mark)
        if found and before.endswith((" ", "\t")):
            bare = before.rstrip()
            value, rest = bare, before[len(bare) :] + found + comment + rest
    return _Line(match["head"], match["name"], value, rest)


def _with_option(text: str, solver: str, name: str, value: str, *, add: bool = True) -> str:
    syntax = _syntax(solver)
    lines = text.split("\n")
    places = list(_places(lines, name, syntax))
    for index, parts in places:
        head = parts.head if parts.head.endswith((" ", "\t", "=")) else parts.head + " "
        lines[index] = f"{head}{value}{parts.rest}"
    if places or not add:
        return "\n".join(lines)
    line_end = "\r\n" if "\r\n" in text else "\n"
    separator = " = " if syntax.needs_equals else " "
    gap = "" if not text or text.endswith("\n") else line_end
    return f"{text}{gap}{name}{separator}{value}{line_end}"


def _places(lines: list[str], name: str, syntax: _Syntax) -> Iterator[tuple[int, _Line]]:
    synonyms = syntax.synonyms or {}
    wanted = name.lower()
    for index, line in enumerate(lines):
        parts = _split(line, syntax)
        if parts and synonyms.get(parts.name.lower(), parts.name.lower()) == wanted:
            yield index, parts
