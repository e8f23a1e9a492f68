"""The built-in profiles, a module a solver.

Each text was read by its solver under GAMS 54.6.1 (those of HiGHS by HiGHS 1.16, too) with nothing ignored.
The number of threads stands as 0 (the solver decides) where a text names it; `with_threads` sets it for a run.
"""

from __future__ import annotations
