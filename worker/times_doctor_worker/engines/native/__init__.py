"""Solvers that are called without GAMS: one program, an adapter for each solver, a process for each solve."""

from __future__ import annotations
