"""GAMS's own words for its model and solver status codes (as printed by GAMS 54.6)."""

from __future__ import annotations

MODEL_STATUS = {
    1: "Optimal",
    2: "Locally Optimal",
    3: "Unbounded",
    4: "Infeasible",
    5: "Locally Infeasible",
    6: "Intermediate Infeasible",
    7: "Feasible Solution",
    8: "Integer Solution",
    9: "Intermediate Non-Integer",
    10: "Integer Infeasible",
    11: "Licensing Problem",
    12: "Error Unknown",
    13: "Error No Solution",
    14: "No Solution Returned",
    15: "Solved Unique",
    16: "Solved",
    17: "Solved Singular",
    18: "Unbounded - No Solution",
    19: "Infeasible - No Solution",
}

SOLVER_STATUS = {
    1: "Normal Completion",
    2: "Iteration Interrupt",
    3: "Resource Interrupt",
    4: "Terminated By Solver",
    5: "Evaluation Interrupt",
    6: "Capability Problems",
    7: "Licensing Problems",
    8: "User Interrupt",
    9: "Setup Failure",
    10: "Solver Failure",
    11: "Internal Solver Failure",
    12: "Solve Processing Skipped",
    13: "System Failure",
}
