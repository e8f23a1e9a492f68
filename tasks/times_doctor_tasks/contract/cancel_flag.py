"""A scan's cancel flag: why its runs must stop, whether at once, and who asked."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import quote, unquote

import msgspec

from times_doctor_tasks.contract.states import StopReason


class StopRequest(msgspec.Struct, frozen=True):
    """A request to stop a run."""

    reason: StopReason
    now: bool = False
    """Without giving the solver the time to end by itself."""
    by: str = ""
    """user@host; empty where no person asked, or a client that does not say."""

    def flag(self) -> str:
        """The form in Redis. Older workers read the first two words, and ignore the third."""
        words = (self.reason.value, "now" if self.now else "", f"by={quote(self.by, safe='@')}" if self.by else "")
        return " ".join(filter(None, words))


def parse_flag(flag: str) -> StopRequest | None:
    """A flag from its form in Redis; None if it is empty.

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
    """The users who set a scan's flags, each once.

    >>> asked_by(["user by=anna@pc", "beaten now", "user now by=anna@pc"])
    ('anna@pc',)
    """
    requests = map(parse_flag, flags)
    return tuple(dict.fromkeys(request.by for request in requests if request is not None and request.by))


_LONGEST_NAME = 200
