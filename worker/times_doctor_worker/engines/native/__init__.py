"""Solvers that are called without GAMS: one program, an adapter for each solver, a process for each solve."""
