"""The file with the people that a control worker notifies. It holds passwords: messages never show a value."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

import msgspec

from times_doctor_tasks.config.settings import parse_duration
from times_doctor_tasks.contract.errors import UsageError
from times_doctor_tasks.contract.limits import NO_RECIPIENT, NOTIFY_NAME
from times_doctor_tasks.contract.messages import ScanSpec
from times_doctor_tasks.state_store.fair_order import person_of

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://\S+")


@dataclass(frozen=True, slots=True)
class Targets:
    """The names that can be notified, and their addresses."""

    urls: Mapping[str, tuple[str, ...]] = field(default_factory=dict, repr=False)
    """Name to addresses, as Apprise writes them."""
    people: Mapping[str, str] = field(default_factory=dict)
    """`user@host`, or `user` on any host, to the name to notify if the scan has none."""
    waits_s: float | None = None
    """A run that waits for longer is reported; None: never."""
    faults: tuple[str, ...] = ()
    """Errors in the file, as sentences."""

    def name_for(self, spec: ScanSpec) -> str:
        """The name to notify of a scan; empty for none."""
        default = self.people.get(spec.client) or self.people.get(person_of(spec.client), "")
        name = spec.notify or default
        return name if name in self.urls else ""


class _File(msgspec.Struct, forbid_unknown_fields=True):
    targets: dict[str, tuple[str, ...]]
    people: dict[str, str] = {}
    waits_longer_than: str | None = None


def read_targets(path: Path) -> Targets:
    """The targets of a file. A faulty file gives none and says why: reports and recovery go on without messages."""
    try:
        file = _decoded(path)
        if wrong := "; ".join(_wrong(file)):
            raise UsageError(wrong)
        waits_s = parse_duration("waits_longer_than", file.waits_longer_than)
        if find_spec("apprise") is None:
            raise UsageError("Apprise is not installed here: pip install '.[notify]' in a clone")
        is_open = path.stat().st_mode & 0o004
    except UsageError as error:
        return Targets(faults=(f"No messages are sent ({path}): {str(error).rstrip('.')}.",))
    faults = (f"{path} has passwords in it, and everybody on this machine can read it: chmod o-r.",) if is_open else ()
    return Targets(file.targets, file.people, waits_s, faults)


def _decoded(path: Path) -> _File:
    try:
        return msgspec.convert(tomllib.loads(path.read_text("utf-8")), _File)
    except OSError as error:
        raise UsageError(f"it cannot be read: {error.strerror}") from None
    except msgspec.ValidationError as error:  # msgspec names types and places; a key may be a misplaced address
        words = re.sub(r"`[^`]*[:@/][^`]*`", "`***`", str(error))
        raise UsageError(f"{words}; known are [targets], [people] and waits_longer_than") from None
    except ValueError as error:
        place = re.search(r"at line \d+, column \d+|at end of document", str(error))
        raise UsageError(f"it is not valid TOML{f' ({place[0]})' if place else ''}") from None


def _wrong(file: _File) -> Iterator[str]:
    for number, (name, urls) in enumerate(file.targets.items(), 1):
        if not NOTIFY_NAME.fullmatch(name) or name == NO_RECIPIENT:
            yield f"name {number} of [targets] must be of letters, digits and ._+@-, and not 'none'"
        elif wrong := [str(place) for place, url in enumerate(urls, 1) if not _URL.fullmatch(url)]:
            yield f"address {', '.join(wrong)} of {name!r} is no URL (mailto://..., json://...)"
    for number, name in enumerate(file.people.values(), 1):
        if name not in file.targets:
            yield f"entry {number} of [people] names no entry of [targets]"
