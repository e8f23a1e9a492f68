"""Under which name a worker beats."""

from __future__ import annotations

from collections.abc import Sequence


def card_name(host: str, roles: Sequence[str]) -> str:
    """The name of a worker. One that only controls gets its own name beside the host's solve worker.

    >>> card_name("h1", ["solve", "control"]), card_name("h1", ["control"])
    ('h1', 'control@h1')
    """
    return host if "solve" in roles else f"control@{host}"
