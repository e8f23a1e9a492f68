"""A scan's cancel flag: why its runs are to stop, whether at once, and who asked."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import quote, unquote

import msgspec

from times_doctor_tasks.contract.states import StopReason


class StopRequest(msgspec.Struct, frozen=True):
    """That a run must stop."""

    reason: StopReason
    now: bool = False
    """Without giving the solver the time to end by itself."""
    by: str = ""
    """user@host; empty where no person asked, or a client that does not say."""

    def flag(self) -> str:
        """As kept in Redis. Workers of before know the first two words, and pass over the third."""
        words = (self.reason.value, "now" if self.now else "", f"by={quote(self.by, safe='@')}" if self.by else "")
        return " ".join(filter(None, words))


def parse_flag(flag: str) -> StopRequest | None:
    """A flag as kept in Redis; None where it is empty.

    >>> parse_flag("user now by=anna%20k@pc")
    StopRequest(reason=<StopReason.USER: 'user'>, now=True, by='anna k@pc')
    """
    words = flag.split()
    if not words:
        return None
    reason = StopReason(words[0]) if words[0] in set(StopReason) else StopReason.USER
    by = next((unquote(word.removeprefix("by=")) for word in words[1:] if word.startswith("by=")), "")
    return StopRequest(reason, now="now" in words[1:], by=by[:_LONGEST_NAME])


def asked_by(flags: Iterable[str]) -> tuple[str, ...]:
    """Who asked for it, of a scan's flags; each person once.

    >>> asked_by(["user by=anna@pc", "beaten now", "user now by=anna@pc"])
    ('anna@pc',)
    """
    requests = map(parse_flag, flags)
    return tuple(dict.fromkeys(request.by for request in requests if request is not None and request.by))


_LONGEST_NAME = 200
