"""MOSEK's profiles."""

from __future__ import annotations

from times_doctor_tasks.profiles.profile import (
    BAR,
    BAR_NOX,
    DUAL,
    PRIMAL,
    Profile,
    standard,
)

_MOSEK_THREADS = "MSK_IPAR_NUM_THREADS 0"
_MOSEK_INTPNT = "MSK_IPAR_OPTIMIZER MSK_OPTIMIZER_INTPNT"
PROFILES: tuple[Profile, ...] = (
    standard("mosek", DUAL, "MSK_IPAR_OPTIMIZER MSK_OPTIMIZER_DUAL_SIMPLEX", _MOSEK_THREADS),
    standard("mosek", PRIMAL, "MSK_IPAR_OPTIMIZER MSK_OPTIMIZER_PRIMAL_SIMPLEX", _MOSEK_THREADS),
    standard("mosek", BAR, _MOSEK_INTPNT, "MSK_IPAR_INTPNT_BASIS MSK_BI_ALWAYS", _MOSEK_THREADS),
    standard("mosek", BAR_NOX, _MOSEK_INTPNT, "MSK_IPAR_INTPNT_BASIS MSK_BI_NEVER", _MOSEK_THREADS),
)
