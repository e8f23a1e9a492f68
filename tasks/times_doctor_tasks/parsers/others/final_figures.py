"""The last lines of those links of GAMS that begin theirs with three dots (Gurobi, Xpress, COPT, ...)."""

from __future__ import annotations

import re

from times_doctor_tasks.parsers import events
from times_doctor_tasks.parsers.numbers import whole
from times_doctor_tasks.parsers.sink import EventSink

_STATUS = re.compile(r"\.\.\. Status: .*?\((\d+)\) / .*?\((\d+)\)")
_VALUE = re.compile(r"\.\.\. Objective (Value|Bound): +(\S+)")
_DONE = re.compile(r"\.\.\. Solved in ([\d.]+)s, (\d+) iterations(?:, (\d+) nodes)?")


def read_final_figures(text: str, sink: EventSink) -> bool:
    """Whether `text` is one of them; if so its events are in the sink."""
    if match := _STATUS.match(text):
        sink.add(events.SolverStatuses(int(match[1]), int(match[2])))
    elif match := _VALUE.match(text):
        sink.add_number(events.FinalObjective if match[1] == "Value" else events.FinalBound, match[2])
    elif match := _DONE.match(text):
        sink.add(events.SolverTime(float(match[1])))
        sink.add(events.FinalIterations(int(match[2]), whole(match[3]) if match[3] else None))
    else:
        return False
    return True
