"""Small GAMS models, each with its expected verdict. All fit a demo licence."""

from __future__ import annotations

import msgspec

from times_doctor_tasks.contract.states import Verdict


class Case(msgspec.Struct, frozen=True):
    """One model and its expected verdict under each profile."""

    name: str
    expected: Verdict
    text: str


_LP = """$offlisting
option limrow=0, limcol=0, solprint=off, seed=1;
set i /i1*i{rows}/, j /j1*j{columns}/;
parameter a(i,j), b(i), c(j);
a(i,j) = uniform(1,100); b(i) = sum(j, a(i,j)) * uniform(0.2,0.8); c(j) = uniform(1,9);
positive variable x(j); variable z;
equation obj, need(i);
obj.. z =e= sum(j, c(j)*x(j));
need(i).. sum(j, a(i,j)*x(j)) =g= b(i);
x.up(j) = {most};
model m /all/;
solve m using lp {sense} z;
"""

CASES: tuple[Case, ...] = (
    Case("denselp", Verdict.OPTIMAL, _LP.format(rows=200, columns=400, most=1, sense="min")),
    Case("infeasible", Verdict.INFEASIBLE, _LP.format(rows=200, columns=400, most=0.01, sense="min")),
    Case("unbounded", Verdict.UNBOUNDED, _LP.format(rows=20, columns=40, most="inf", sense="max")),
    Case(
        "mkp",
        Verdict.OPTIMAL,
        _LP.format(rows=5, columns=60, most=1, sense="min")
        .replace("positive variable x(j);", "binary variable x(j);")
        .replace("using lp", "using mip")
        .replace("seed=1", "seed=1, optcr=0"),
    ),
    Case("broken", Verdict.COMPILE_ERROR, "variable z; equation e;\ne.. z =e= nothing + ;\nmodel m /all/;\n"),
    Case("no_solve", Verdict.NO_SOLVE, "set i /1*3/;\ndisplay i;\n"),
)
