"""Why GAMS's licence does not allow a run, and what to do about it.

Messages from GAMS 54.6.1; their meaning: GAMS documentation, UG_License, "License Problems".
"""

from __future__ import annotations

import re

import msgspec


class Refusal(msgspec.Struct, frozen=True):
    """One kind of refusal."""

    what: str
    """A sentence without its full stop."""
    next_step: str


_HIGHS = "or export the model as .mps and scan that: HiGHS needs no licence and has no size limit"
_KINDS: tuple[tuple[str, Refusal], ...] = (
    (
        r"does not match license node|in incorrect format|mac address",
        Refusal(
            "The GAMS licence belongs to another machine (node-locked)",
            "Run on the machine that it belongs to (--queue --hosts NAME), or ask GAMS for a licence of this one.",
        ),
    ),
    (
        r"does not match license user",
        Refusal(
            "The GAMS licence belongs to another user",
            "Run the worker as that user, or ask GAMS for a licence of this one.",
        ),
    ),
    (
        r"exceeds licensed (?:number of cores|total memory)",
        Refusal(
            "This machine has more cores or memory than the GAMS licence allows",
            "Run on a smaller machine, or ask GAMS for a licence of this size.",
        ),
    ),
    (
        r"checkout of network licen[sc]es? expired|expired network licen[sc]e",
        Refusal(
            "The GAMS licence was checked out of a licence server, and the checkout has ended",
            "Check it out again (gamsgetkey), then scan again.",
        ),
    ),
    (
        r"licen[sc]e server|network licen[sc]e|access code|interprocess|jwt",
        Refusal(
            "The GAMS licence server gave no licence",
            "See that the host reaches it, that the access code is right and that a seat is free; then scan again.",
        ),
    ),
    (
        r"too young for this licen[sc]e|maintenance expiration|infinite maintenance",
        Refusal(
            "This GAMS is newer than its licence allows",
            "Use the GAMS release that the licence is for (--gams-path), or renew its maintenance.",
        ),
    ),
    (
        r"not included in your licen[sc]e|does not allow to solve",
        Refusal(
            "The GAMS licence does not include this solver",
            f"Choose a solver that it includes (--solver; `times-doctor check` lists them), {_HIGHS}.",
        ),
    ),
    (
        r"exceeds?\b.*\b(?:demo|community|size)\b|(?:demo|community) licen[sc]e (?:size|limits)",
        Refusal(
            "The model is larger than the GAMS licence allows",
            f"Use a full licence, {_HIGHS}.",
        ),
    ),
    (
        r"expired|no longer",
        Refusal(
            "The GAMS licence has ended",
            "Renew it with GAMS and put the new gamslice.txt where the old one is, use another GAMS (--gams-path), "
            f"{_HIGHS}.",
        ),
    ),
    (
        r"cannot read|could not (?:open|read)|not found|no licen[sc]e file|missing",
        Refusal(
            "GAMS finds no licence file that it can read",
            "Put gamslice.txt into GAMS's system folder on that host, readable for the worker's user.",
        ),
    ),
    (
        r"invalid|not valid|cannot be validated|validation failed|verification failed|wrong platform|too old for this",
        Refusal(
            "The GAMS licence file is not valid for this GAMS",
            "Put the original gamslice.txt, unchanged and for this platform, into GAMS's system folder on that host.",
        ),
    ),
)
_COMPILED = tuple((re.compile(pattern, re.IGNORECASE), refusal) for pattern, refusal in _KINDS)


def why_refused(text: str) -> Refusal | None:
    """The kind of refusal in GAMS's message; None if unknown.

    >>> why_refused("*** Time-limited license expired 1 days ago").what
    'The GAMS licence has ended'
    """
    return next((refusal for pattern, refusal in _COMPILED if pattern.search(text)), None)
