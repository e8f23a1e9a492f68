"""Solvers without a reader of their own (COPT, Xpress, MOSEK, CBC, SoPlex, CONOPT, ...): their common lines.

Reads iteration tables with a known header, and the final status; exact figures come from trace and listing.
"""

from __future__ import annotations

import re

from times_doctor_tasks.contract.progress import Phase
from times_doctor_tasks.parsers import events
from times_doctor_tasks.parsers.numbers import number
from times_doctor_tasks.parsers.others.final_figures import read_final_figures
from times_doctor_tasks.parsers.others.tables import TableReader, barrier_row, node_row, simplex_row
from times_doctor_tasks.parsers.sink import EventSink

_TABLES = {
    # COPT
    "Iter Primal.Obj Dual.Obj Compl Primal.Inf Dual.Inf Time": (Phase.BARRIER, barrier_row(7, 1, 2, (4, 5, None))),
    "Method Iteration Objective Primal.NInf Dual.NInf Time": (Phase.SIMPLEX, simplex_row(6, 2, iteration=1)),
    "Nodes Active LPit/n IntInf BestBound BestSolution Gap Time": (Phase.MIP, node_row(8, 1, (-3, -4, -2))),
    # Xpress
    "Its P.inf D.inf U.inf Primal obj. Dual obj. Compl.": (Phase.BARRIER, barrier_row(7, 4, 5, (1, 2, 3))),
    "Its Obj Value S Ninf Nneg Sum Inf Time": (Phase.SIMPLEX, simplex_row(7, 1, infeasibility=5)),
    "Its Obj Value S Ninf Nneg Sum Dual Inf Time": (Phase.SIMPLEX, simplex_row(7, 1, infeasibility=5)),
    "Node BestSoln BestBound Sols Active Depth Gap GInf Time": (Phase.MIP, node_row(9, 4, (1, 2, 6))),
    # MOSEK
    "ITE PFEAS DFEAS GFEAS PRSTATUS POBJ DOBJ MU TIME": (Phase.BARRIER, barrier_row(9, 5, 6, (1, 2, None))),
    "ITER DEGITER(%) PFEAS DFEAS POBJ DOBJ TIME TOTTIME": (Phase.SIMPLEX, simplex_row(8, 4, infeasibility=2)),
}
_VERSIONS = re.compile(
    r"(?:Cardinal Optimizer|FICO Xpress|COIN-OR Branch and Cut|SoPlex version|SCIP version"
    r"|M O S E K +version|C O N O P T +version)\D*(\d+(?:\.\d+)+)"
)
_SIZE = re.compile(r"(\d+) rows?,? +(\d+) col(?:umn)?s?(?: and|,)? +(\d+) (?:non-zero )?(?:elements|nonzeros)")
_PUSHES = re.compile(r"(\d+) (primal|dual) pushes remaining")
_CBC = re.compile(r"(\d+) +Obj (\S+)(?: Primal inf (\S+))?")
_SOPLEX = re.compile(r"[LE] +\| +[\d.]+ \| +(\d+) \| +\d+ \| +\S+ \| +(\S+) \| +\d+ \| +(\S+)$")
_COPT_END = re.compile(r"Status: (.+?) +Objective: (\S+)(?: +Iterations: (\d+)(?:\((\d+)\))?)?(?: +Time: ([\d.]+)s)?")
_MOSEK_STOP = re.compile(r"Return code - \d+ \[MSK_RES_TRM_(\w+)\]")
_MOSEK_WORDS = {
    "MAX_TIME": "time limit reached",
    "MAX_ITERATIONS": "iteration limit reached",
    "MIO_NUM_BRANCHES": "node limit reached",
    "MIO_NUM_RELAXS": "node limit reached",
    "USER_CALLBACK": "interrupted by user",
}
_SETTINGS_FILE = re.compile(r"Loading settings file <(.*)>")
_ENDINGS = (
    "Solution status :",
    "MIP status",
    "SoPlex status",
    "SCIP Status",
    "Solved to optimality",
    "Model infeasible",
    "Model unbounded",
    "Time limit reached",
    "Iteration limit reached",
    "Node limit reached",
    "** Optimal solution",
    "** Infeasible solution",
)
_CONFLICT = re.compile(r"(Lower|Upper): +\S")
#: Xpress: `Max primal violation      (abs/rel) :   1.2e-09 /   3.4e-12`.
_VIOLATION = re.compile(
    r"Max (primal|dual|complementarity|integer) viol(?:ation|\.) +\(abs(?:/rel| *)\) : +(\S+)(?: +/ +(\S+))?"
)
#: Of lines in lower case; each alternative begins with a letter, by which `re` finds it fast.
_TELLS_WHY = re.compile(r"infeasible|unbounded|limit\b(?<=\blimit)|ctrl-c|interrupt|numerical")


class OtherReader:
    """Reads the lines of one solve of any solver into a sink."""

    def __init__(self, sink: EventSink, solver: str) -> None:
        self._sink = sink
        self._solver = solver
        self._tables = TableReader(sink, _TABLES)
        self._group = ""
        self._stopped = False
        self._settings_file = ""

    def read(self, line: str) -> None:
        """Take in one line."""
        text = line.strip()
        if not text or self._tables.read(text.split()) or self._rows(text):
            return
        if not (self._problem(text) or self._end(text)) and _TELLS_WHY.search(text.lower()) and " : " not in text:
            self._sink.add(events.SolverMessage(text))

    def _rows(self, text: str) -> bool:
        sink = self._sink
        if match := _PUSHES.match(text):
            sink.enter(Phase.CROSSOVER)
            sink.add(events.CrossoverMoves(match[2], int(match[1])))
        elif (match := _CBC.match(text)) and (value := number(match[2])) is not None:
            sink.enter(Phase.SIMPLEX)
            sink.add(events.SimplexIteration(int(match[1]), "", value, "", number(match[3] or "")))
        elif (match := _SOPLEX.match(text)) and (value := number(match[3])) is not None:
            sink.enter(Phase.SIMPLEX)
            sink.add(events.SimplexIteration(int(match[1]), "", value, "", number(match[2])))
        else:
            return False
        return True

    def _problem(self, text: str) -> bool:
        sink = self._sink
        if ("ettings file" in text and self._settings(text)) or ("viol" in text and self._violation(text)):
            return True
        if match := _VERSIONS.match(text):
            sink.add(events.SolverVersion(self._solver, match[1]))
        elif text.startswith(("The presolved problem has", "Presolved problem has")):
            self._group = "presolved"
            sink.enter(Phase.SOLVE, self._solver)  # presolve is over; a table's header will show the next phase
        elif text.startswith("Number of equations in IIS"):
            self._group = "equation"
            sink.enter(Phase.CONFLICT)
        elif text.startswith(("Crossover starts", "Starting crossover", "Basis identification started")):
            sink.enter(Phase.CROSSOVER)
        elif text.startswith("Number of variables in IIS"):
            self._group = "variable"
        elif self._group == "presolved" and (match := _SIZE.match(text)):
            sink.add(events.PresolvedSize(int(match[1]), int(match[2]), int(match[3])))
            self._group = ""
        elif self._group in ("equation", "variable") and _CONFLICT.match(text):
            sink.add(events.ConflictLine(text, self._group))
        else:
            return False
        return True

    def _violation(self, text: str) -> bool:
        match = _VIOLATION.match(text)
        if match is None:
            return False
        name = {"integer": "integrality", "complementarity": match[1]}.get(match[1], f"{match[1]}_residual")
        for suffix, cell in (("", match[2]), ("_rel", match[3])):
            if cell and (value := number(cell)) is not None:
                self._sink.add(events.QualityFigure(f"{name}{suffix}", value))
        return True

    def _settings(self, text: str) -> bool:
        """SoPlex's own words for what other links echo (see `options.py`)."""
        if match := _SETTINGS_FILE.match(text):
            self._settings_file = match[1]
            self._sink.add(events.OptionFileRead(match[1]))
        elif text.startswith("Error opening settings file"):
            self._sink.add(events.OptionFileMissing(self._settings_file, text))
        elif text.startswith("Error parsing settings file"):
            self._sink.add(events.OptionIgnored(self._settings_file, text.partition(":")[2].strip()))
        else:
            return False
        return True

    def _end(self, text: str) -> bool:
        add = self._sink.add
        if match := _COPT_END.match(text):
            add(events.SolverEnded(self._solver, None, match[1]))
            self._sink.add_number(events.FinalObjective, match[2])
            if match[3]:
                add(events.FinalIterations(int(match[3])))
        elif match := _MOSEK_STOP.match(text):
            if (words := _MOSEK_WORDS.get(match[1])) is not None:
                add(events.SolverEnded(self._solver, None, words))
        else:
            return read_final_figures(text, self._sink) or self._last_words(text)
        return True

    def _last_words(self, text: str) -> bool:
        if not text.startswith(_ENDINGS):
            return False
        _, colon, rest = text.partition(":")
        words = rest.strip() if colon and rest.strip() else text
        if text.startswith("Solution status"):
            words = words.partition(" (")[0]  # COPT: `integer optimal (relative gap limit 0.0001)`
        # COPT says of a MIP both why it stopped and, later, what it has: the first is the status.
        if not (self._stopped and text.startswith("Solution status")):
            self._sink.add(events.SolverEnded(self._solver, None, words))
        self._stopped = self._stopped or (text.startswith("MIP status") and "(" in text)
        return True
