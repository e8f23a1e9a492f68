"""CPLEX's log under GAMS (CPLEX 12.7 to 22.2; simdisplay, bardisplay, mipdisplay, siftdisplay 0 to 5).

Its tables alternate and nest (sifting runs whole barriers and simplexes inside), so a row is known by its own shape and
never by the header above it. The shape of the last row is tried first: that is what makes long logs fast.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import ClassVar, TypeAlias

from times_doctor_tasks.contract.progress import Phase
from times_doctor_tasks.parsers import events
from times_doctor_tasks.parsers.cplex import rows
from times_doctor_tasks.parsers.cplex.gams_link import CplexLink
from times_doctor_tasks.parsers.numbers import number, whole
from times_doctor_tasks.parsers.sink import EventSink

_Row: TypeAlias = Callable[[str], events.LogEvent | None]

_REDUCED = re.compile(r"Reduced \w+ has ([\d,]+) rows, ([\d,]+) columns, and ([\d,]+) nonzeros")
_SECONDS = re.compile(r"(.+?) += +(\d+\.?\d*) sec\.")
_STAGE = re.compile(r"(Primal|Dual): +Fix(?:ing (\d+)|ed no) variable")
_INCUMBENT = re.compile(r"Found incumbent of value (\S+) after")
_MARKOWITZ = re.compile(r"Markowitz threshold set to (\S+)")
#: Of lines in lower case.
_TELLS_WHY = re.compile(r"infeasib|unbounded|limit.* exceeded|out of memory|cplex error|warning")
_TROUBLE = re.compile(r"singular|numerical (?:difficult|trouble|problem)|ill.?condition|re-?factor")

_NAMED_ROWS: dict[str, tuple[tuple[_Row, Phase], ...]] = {
    "Iteration": ((rows.labelled, Phase.SIMPLEX),),
    "Sifting i": ((rows.sifting, Phase.SIFTING),),
    "Best inte": ((rows.best_integer, Phase.MIP),),
}

#: `PhaseStarted.detail` while a barrier is set up: ordering and symbolic factorisation.
ORDERING = "ordering"


class CplexReader:
    """Reads the lines of one CPLEX solve into a sink."""

    def __init__(self, sink: EventSink) -> None:
        self._sink = sink
        self._link = CplexLink(sink)
        self._nodes = rows.NodeTable()
        #: What a row that begins with a figure may be.
        self._figures: tuple[tuple[_Row, Phase], ...] = (
            (rows.pivot, Phase.SIMPLEX),
            (rows.barrier, Phase.BARRIER),
            (rows.moves, Phase.CROSSOVER),
            (self._nodes.row, Phase.MIP),
        )
        self._hot: _Row = rows.pivot
        self._hot_phase = Phase.SIMPLEX
        #: The phase of simplex rows: NETWORK between `Extracted network` and `Network time`.
        self._pivots = Phase.SIMPLEX

    def read(self, line: str) -> None:
        """Take in one line."""
        if line[:4] == "--- ":
            self._link.read(line.rstrip())
            return
        event = self._hot(line)
        if event is not None:
            self._take(event)
            return
        # Between the rows of a barrier with bardisplay 2; most lines of such a log.
        if line[-7:] == "solve) " or line[-6:] == "solve)" or line[:10] == "Refinement":
            return
        text = line.strip()
        if text and not self._row(line, text):
            say = self._WORDS.get(text.split(None, 1)[0])
            if say is None or not say(self, text):
                self._other(text)

    def _take(self, event: events.LogEvent) -> None:
        sink = self._sink
        if sink.phase is not self._hot_phase:
            sink.enter(self._hot_phase)
        sink.add(event)

    def _row(self, line: str, text: str) -> bool:
        candidates = self._figures if text[0] in "*0123456789" else _NAMED_ROWS.get(text[:9], ())
        for parse, phase in candidates:
            event = parse(line)
            if event is not None:
                self._hot = parse
                self._hot_phase = self._pivots if phase is Phase.SIMPLEX else phase
                self._take(event)
                return True
        return False

    def _presolve(self, text: str) -> bool:
        if text.startswith(("LP status", "MIP status", "MIP Solution", "MIP emphasis", "MIP search", "Reduced cost")):
            return False
        self._sink.enter(Phase.PRESOLVE)
        if match := _REDUCED.match(text):
            rows, columns, nonzeros = (whole(match[place]) or 0 for place in (1, 2, 3))
            self._sink.add(events.PresolvedSize(rows, columns, nonzeros))
        elif " = " in text and (match := _SECONDS.match(text)):
            self._sink.add(events.PhaseTime("presolve", float(match[2])))
        return True

    def _parallel(self, text: str) -> bool:
        if "concurrent optimization" in text:
            self._sink.enter(Phase.CONCURRENT)
        elif "for barrier" in text:
            self._sink.enter(Phase.PRESOLVE, ORDERING)
        return True

    def _starting(self, text: str) -> bool:
        if not text.startswith("* Starting "):
            return False
        self._sink.enter(Phase.CONCURRENT)
        return True

    def _ordering(self, text: str) -> bool:
        if text.startswith(("Number of nonzeros in lower", "Looking for dense")):
            self._sink.enter(Phase.PRESOLVE, ORDERING)
            return True
        if text.startswith("Using ") and text.endswith("ordering"):
            self._sink.enter(Phase.PRESOLVE, f"{ORDERING}: {text[6:-9]}")
            return True
        return False

    def _barrier(self, text: str) -> bool:
        if text.startswith("Itn "):
            self._sink.enter(Phase.BARRIER)
        elif text.startswith("Barrier time") and (match := _SECONDS.match(text)):
            self._sink.add(events.BarrierEnded(float(match[2])))
        else:
            return self._winner(text)
        return True

    def _crossover(self, text: str) -> bool:
        if match := _STAGE.match(text):
            self._sink.enter(Phase.CROSSOVER)
            self._sink.add(events.CrossoverStarted(match[1].lower(), int(match[2] or 0)))
            return True
        if text.endswith(" crossover."):
            self._sink.enter(Phase.CROSSOVER)
            return True
        return text.startswith(("Primal:", "Dual:")) or self._winner(text)

    def _winner(self, text: str) -> bool:
        method, _, rest = text.partition(" solved model.")
        if rest or method == text:
            return False
        self._sink.add(events.ConcurrentWinner(method.removesuffix(" optimizer").lower()))
        return True

    def _network(self, text: str) -> bool:
        if text.startswith("Extracted network"):
            self._sink.enter(Phase.NETWORK)
            self._pivots = self._hot_phase = Phase.NETWORK
        elif text.startswith("Network time"):
            self._pivots = self._hot_phase = Phase.SIMPLEX
        return text.startswith(("Extracted", "Network -", "Network time")) or self._winner(text)

    def _total(self, text: str) -> bool:
        match = _SECONDS.match(text)
        if match is None:
            return False
        seconds = float(match[2])
        if match[1] == "Total crossover time":
            self._sink.add(events.CrossoverEnded(seconds))
        elif match[1] == "Total time for automatic ordering":
            self._sink.add(events.PhaseTime("ordering", seconds))
        elif match[1].startswith(("Total time on", "Total (root")):
            self._sink.add(events.PhaseTime("total", seconds))
        elif match[1] in ("Elapsed time", "Elapsed real time"):
            self._sink.add(events.PhaseTime("elapsed", seconds))
        return True

    def _mip(self, text: str) -> bool:
        if text.startswith("Node  Left"):
            self._nodes.header("   " + text)
        elif not text.startswith(("Nodes  ", "Node log", "Root relaxation")):
            return False
        self._sink.enter(Phase.MIP)
        return True

    def _incumbent(self, text: str) -> bool:
        match = _INCUMBENT.match(text)
        value = number(match[1]) if match else None
        if value is None:
            return False
        self._sink.add(events.Incumbent(value))
        return True

    def _steadied(self, text: str) -> bool:
        if match := _MARKOWITZ.match(text):
            self._sink.add(events.NumericalSign("pivot tolerance raised", number(match[1])))
        elif text.startswith("Perturbation started"):
            self._sink.add(events.NumericalSign("perturbation"))
        return text.startswith(("Markowitz", "Perturbation", "Removing"))

    def _version(self, text: str) -> bool:
        if not text.startswith("Version identifier: "):
            return False
        self._sink.add(events.SolverVersion("CPLEX", text[20:].split(" ", 1)[0]))
        return True

    def _other(self, text: str) -> None:
        if text.startswith("CPXPARAM_"):
            name, _, value = text.partition(" ")
            self._sink.add(events.SolverParameter(name, value.strip()))
        elif not self._link.read(text):
            if _TROUBLE.search(text.lower()):
                self._sink.add(events.NumericalSign(text))
            elif _TELLS_WHY.search(text.lower()):
                self._sink.add(events.SolverMessage(text))

    def _header(self, text: str) -> bool:
        if self._pivots is Phase.SIMPLEX and text.endswith("Out Variable"):
            self._sink.enter(Phase.SIMPLEX, "dual simplex" if "Dual Objective" in text else "primal simplex")
        return True

    def _chatter(self, text: str) -> bool:
        return bool(text)

    #: What a line is about by its first word; a handler that answers False leaves the line to `_other`.
    _WORDS: ClassVar[dict[str, Callable[[CplexReader, str], bool]]] = {
        **dict.fromkeys(
            ("Tried", "LP", "MIP", "Reduced", "Aggregator", "Presolve", "No", "All", "Repeating"), _presolve
        ),
        **dict.fromkeys(("Number", "Looking", "Using"), _ordering),
        **dict.fromkeys(("Itn", "Barrier"), _barrier),
        **dict.fromkeys(("Primal", "Dual", "Primal:", "Dual:"), _crossover),
        **dict.fromkeys(("Extracted", "Network"), _network),
        **dict.fromkeys(("Total", "Elapsed"), _total),
        **dict.fromkeys(("Node", "Nodes", "Root"), _mip),
        **dict.fromkeys(("Markowitz", "Perturbation", "Removing"), _steadied),
        **dict.fromkeys(("SupWidth:", "Number:", "Histogram", "Switched"), _chatter),
        "Iteration": _header,
        "Parallel": _parallel,
        "*": _starting,
        "Found": _incumbent,
        "Version": _version,
    }
