"""A run of many solves gets the verdict of its last one; this adds how the others ended."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from msgspec.structs import replace

from times_doctor_tasks.contract.states import SOLVED
from times_doctor_tasks.contract.wording import some_of
from times_doctor_tasks.parsers.solves.endings import Judgement
from times_doctor_tasks.parsers.solves.solve import Solve

#: Most solves without a solution that are named.
_NAMED = 3


def with_earlier_solves(judgement: Judgement, solves: Sequence[Solve]) -> Judgement:
    """The judgement, with the number of solves without a solution if an earlier one had none."""
    failed = [solve for solve in solves if solve.verdict is not None and solve.verdict not in SOLVED]
    if not any(solve is not solves[-1] for solve in failed):
        return judgement
    kinds = Counter(str(solve.verdict).replace("_", " ") for solve in failed)
    ended = ", ".join(_count(count, word, len(solves)) for word, count in kinds.most_common())
    which = some_of([f"{solve.number} {solve.model or ''}".strip() for solve in failed], _NAMED)
    look = f"Look at solve {which} too: a model that continues after such a solve uses values that are not a solution."
    before = judgement.next_step if judgement.verdict not in SOLVED else ""
    return replace(
        judgement,
        sentence=f"{judgement.sentence} {ended[0].upper()}{ended[1:]}.",
        next_step=f"{before} {look}".strip(),
    )


def _count(count: int, word: str, solves: int) -> str:
    """`24 of 251 solves were infeasible`.

    >>> _count(1, "limit", 2)
    '1 of 2 solves ended at a limit'
    """
    were = "was" if count == 1 else "were"
    ended = {"limit": "ended at a limit", "infeasible": f"{were} infeasible", "unbounded": f"{were} unbounded"}
    return f"{count} of {solves} solves {ended.get(word, f'ended with: {word}')}"
