from __future__ import annotations

import pytest

from times_doctor_tasks.parsers.gams.log import GamsLogReader
from times_doctor_tasks.parsers.gams.trace import read_trace
from times_doctor_tasks.parsers.solves.digest import MAX_SOLVES_KEPT, LogDigest
from times_doctor_tasks.parsers.solves.merging import merge_solves, rows_of_run

_SOLVE = """--- Generating LP model lp
---   301 rows  301 columns  27,250 non-zeroes
--- Executing CPLEX (Solvelink=2): elapsed 0:00:01.000
--- Setting 'lpmethod': 2
*** Error at line {n}: something
--- LP status (1): optimal.
Objective:      {n}.250000
--- Reading solution for model lp
"""
_ROW = "loop.gms,LP,CPLEX,CONOPT,CPLEX,46348.5,1,301,301,0,27250,0,1,1,1,{n}.25,NA,0.01,{n},NA,NA,#"


@pytest.mark.timeout(60)
def test_a_run_of_thousands_of_solves_is_kept_small() -> None:
    reader, digest = GamsLogReader(), LogDigest()
    count = 2 * MAX_SOLVES_KEPT + 500
    for number in range(count):
        digest.add(reader.feed(_SOLVE.format(n=number)))
    solves = digest.solves()
    assert len(solves) <= 2 * MAX_SOLVES_KEPT + 1
    assert (solves[0].objective, solves[-1].objective) == (0.25, count - 0.75)
    assert len(digest.errors) <= 100
    assert len(digest.options.taken) == 1
    rows = rows_of_run(read_trace("".join(_ROW.format(n=n) + "\n" for n in range(count))), started=None, solves=None)
    merged = merge_solves(solves[-len(rows) :], (), rows, listing_complete=False)
    assert [merged[place].iterations for place in (0, -1)] == [0, count - 1]


def test_the_last_solve_is_under_way_until_it_is_read_back() -> None:
    reader, digest = GamsLogReader(), LogDigest()
    lines = _SOLVE.format(n=1).splitlines(keepends=True)
    digest.add(reader.feed("".join(lines[:-1])))
    assert digest.solve_under_way
    digest.add(reader.feed(lines[-1]))
    assert not digest.solve_under_way
