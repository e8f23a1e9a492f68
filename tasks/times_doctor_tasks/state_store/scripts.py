"""The Lua scripts, one file per verb, each behind the shared prelude and the one table of transitions."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any

from times_doctor_tasks.contract.states import TRANSITIONS

#: Every verb of the protocol, as file names under lua/.
VERBS = ("claim", "beat", "advance", "finish", "conclude", "release", "requeued", "take", "extend", "end_report")


def transitions_table() -> str:
    """`TRANSITIONS` as Lua source.

    >>> "['done']={}" in transitions_table()
    True
    """
    rows = (
        f"['{before}']={{{','.join(f'{after}=true' for after in sorted(allowed))}}}"
        for before, allowed in TRANSITIONS.items()
    )
    return f"local TRANSITIONS = {{{','.join(rows)}}}\n"


@cache
def source(verb: str) -> str:
    """Lua source of one verb, ready for EVAL."""
    folder = files("times_doctor_tasks.state_store") / "lua"
    prelude = (folder / "prelude.lua").read_text("utf-8")
    return transitions_table() + prelude + (folder / f"{verb}.lua").read_text("utf-8")


def register(client: Any) -> dict[str, Any]:
    """All verbs as callables of `client` (redis-py `Script` objects: EVALSHA, then EVAL where it is unknown)."""
    return {verb: client.register_script(source(verb)) for verb in VERBS}
