"""A GAMS licence: its kind, its end, and the warning before it."""

from __future__ import annotations

import re
from datetime import date

import msgspec

from times_doctor_tasks.contract.limits import LICENCE_WARN_DAYS
from times_doctor_tasks.parsers.gams.licence_refusals import why_refused

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class Licence(msgspec.Struct, frozen=True):
    """What GAMS says about its licence."""

    kind: str
    """"demo"; "full" for any other that is valid; "none" for one that GAMS does not accept."""
    expires: date | None
    """The last day on which it works; None where it has no end."""
    expired: bool
    """Its end has passed."""
    text: str
    """GAMS's error for kind "none"; otherwise "demo licence, until 2026-11-26", or empty."""

    def days_left(self, today: date) -> int | None:
        """Days after today on which it still works; negative once it has ended, None if it has no end."""
        return None if self.expires is None else (self.expires - today).days

    def warning(self, today: date) -> str:
        """One sentence if the operator has to act within two weeks, else ""."""
        days = self.days_left(today)
        if self.kind == "none":
            refusal = why_refused(self.text)
            return f"GAMS has no valid licence: {self.text}" + (f" {refusal.next_step}" if refusal else "")
        if days is None or days >= LICENCE_WARN_DAYS:
            return ""
        if self.expired or days < 0:
            return f"The GAMS {_kind_name(self.kind)} ended on {self.expires}. {_renewal(self.kind)}"
        when = "today" if days == 0 else "tomorrow" if days == 1 else f"in {days} days, on {self.expires}"
        return f"The GAMS {_kind_name(self.kind)} ends {when}. {_renewal(self.kind)}"


def read_licence(text: str, today: date) -> Licence:
    """The licence from what `gams ? lo=3` prints (54.6.1: "*** Time-limited license stops working on : Nov 26, 2026").

    With no valid licence GAMS prints instead "*** Error: The installed license <file> is invalid." or "*** Error:
    Cannot read license file <file>:".
    """
    stated = re.search(r"^\*\*\* Time-limited license stops working on\s*:\s*(.+?)\s*$", text, re.MULTILINE)
    expires = _date(stated[1]) if stated else None
    expired = "Time-limited license expired" in text or (expires is not None and today > expires)
    if "The installed license is valid" not in text and not expired:
        problem = re.search(r"^\s*\*\*\* Error:\s*(.*)", text, re.MULTILINE)
        return Licence("none", expires, expired, problem[1].strip() if problem else "GAMS does not say why")
    kind = "demo" if re.search(r"^\*\*\* GAMS Demo\b", text, re.MULTILINE) else "full"
    if expires is None:
        return Licence(kind, None, expired, _kind_name(kind) if kind == "demo" or expired else "")
    return Licence(kind, expires, expired, f"{_kind_name(kind)}, {'ended' if expired else 'until'} {expires}")


def _date(text: str) -> date | None:
    """A day as GAMS writes it, "Nov 26, 2026": in English under any locale, which `strptime` does not promise."""
    words = re.fullmatch(r"([A-Z][a-z]{2}) +(\d{1,2}), +(\d{4})", text)
    if words is None or words[1] not in _MONTHS:
        return None
    try:
        return date(int(words[3]), _MONTHS.index(words[1]) + 1, int(words[2]))
    except ValueError:
        return None


def _kind_name(kind: str) -> str:
    return "demo licence" if kind == "demo" else "licence"


def _renewal(kind: str) -> str:
    if kind == "demo":
        # The newest gamspy-base may be installed already: its licence is as old as the package.
        return (
            "A newer gamspy-base, if there is one, brings a newer one: `pip install --upgrade gamspy-base`. Else use a "
            "GAMS of your own (--gams-path) or a free licence from https://www.gams.com/download/. HiGHS needs none: "
            "`times-doctor scan MODEL.mps`."
        )
    return "Renew it with GAMS, and put the new gamslice.txt where the old one is."
