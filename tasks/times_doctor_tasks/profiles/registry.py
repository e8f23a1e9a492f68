"""Profiles: named solver configurations, built-in or the user's, and their look-up by name."""

from __future__ import annotations

import codecs
import difflib
import functools
import re
from collections.abc import Iterable, Mapping, Sequence

from msgspec.structs import replace

from times_doctor_tasks.contract.errors import UsageError
from times_doctor_tasks.contract.hosts import NATIVE, NATIVE_SOLVERS
from times_doctor_tasks.contract.messages import MAX_OPTION_BYTES
from times_doctor_tasks.profiles.built_in import DEFAULT_SETS, built_in
from times_doctor_tasks.profiles.option_file import broken_lines, is_interior, parse_options
from times_doctor_tasks.profiles.profile import Profile

#: Name of the profile that is RUN_DIR's own option file; the others are measured against it.
CURRENT = "current"
#: What runs if no profile is named.
DEFAULT_SET = "default"
#: Default sets by the model's class; a solver without one uses its default set for every class.
_BY_CLASS = frozenset(name for name, _ in DEFAULT_SETS.values())
#: Of a profile's name in UTF-8: files are named after scan, run and attempt.
MAX_NAME_BYTES = 100
_NOT_IN_A_NAME = re.compile(r"[^\w.+-]+")


def own_profile(name: str, solver: str, options: str, *, origin: str, engine: str = "gams") -> Profile:
    """A profile of the user's, with the text of its file.

    Characters that are not allowed in a run id or a file name become `_`. Bytes that are not UTF-8 (surrogate escapes)
    are read as Windows letters: they occur in comments, and a message can only contain text.

    Raises:
        UsageError: the text is empty, or text or name are too long.
    """
    options = _as_text(options).removeprefix("\ufeff")  # HiGHS takes a byte-order mark for an option
    if not parse_options(options, solver).options and not broken_lines(options, solver):
        raise UsageError(
            f"The option file {origin!r} sets no option. Expected lines such as {_example(solver)!r}; "
            "fill it, or leave it out of the scan."
        )
    size = len(options.encode())
    if size > MAX_OPTION_BYTES:
        raise UsageError(
            f"The option file {origin!r} has {size:,} bytes; expected at most {MAX_OPTION_BYTES:,}. "
            "Is it one? Keep the lines that set options."
        )
    safe = _safe_name(name)
    if len(safe.encode()) > MAX_NAME_BYTES:
        raise UsageError(f"The name of the option file {origin!r} has more than {MAX_NAME_BYTES} bytes: rename it.")
    return Profile(
        name=safe,
        solver=solver,
        options=options,
        engine=engine,
        interior=is_interior(options, solver),
        does=f"options of {origin}",
        origin=origin,
    )


def by_key(profiles: Iterable[Profile]) -> dict[str, Profile]:
    """The user's profiles by `<solver>:<name>`, as `resolve` takes them.

    Raises:
        UsageError: two of them have the same name for the same solver.
    """
    found: dict[str, Profile] = {}
    for profile in profiles:
        other = found.setdefault(profile.key, profile)
        if other is not profile:
            raise UsageError(
                f"Two option files give the profile {profile.key!r}: {other.origin!r} and {profile.origin!r}. "
                "Rename one of them."
            )
    return found


def built_in_profiles(solver: str | None = None, *, engine: str | None = "gams") -> tuple[Profile, ...]:
    """The built-in profiles of a solver and an engine, in the order in which a list shows them.

    Args:
        engine: "native": any without GAMS. None: all, each text once, whether for GAMS or without.
    """
    if engine is None or engine == "gams":
        return tuple(p for p in built_in() if engine in (None, p.engine) and solver in (None, p.solver))
    return tuple(p for p in _native() if engine in (NATIVE, p.engine) and solver in (None, p.solver))


@functools.cache
def _native() -> tuple[Profile, ...]:
    """A text for GAMS also works in the native solver."""
    texts = (p for p in built_in() if p.engine != "gams" or p.solver in NATIVE_SOLVERS[1:])
    return tuple(replace(p, engine=p.solver) for p in texts)


def resolve(
    names: Sequence[str],
    solver: str | Sequence[str],
    own: Mapping[str, Profile],
    *,
    engine: str = "gams",
    default: str = DEFAULT_SET,
) -> tuple[Profile, ...]:
    """The profiles for `names`, in that order, each once.

    A name means, for each solver in `solver`, the user's profile of that name, else the built-in one;
    `cplex:tight` means that one; `@hard` means a set. No names: all of the user's profiles for these solvers, if any,
    else the default set; and before them `current`, the baseline, if it exists.

    Args:
        own: the user's profiles as `by_key` gives them.
        default: the set for `@default`, or for no name, of this model.

    Raises:
        UsageError: a name is unknown; the message lists similar and existing names.
    """
    solvers = (solver,) if isinstance(solver, str) else tuple(solver)
    everything = {p.key: p for p in built_in_profiles(engine=engine)} | dict(own)
    here = {key: p for key, p in everything.items() if p.solver in solvers}
    if not names:
        mine = tuple(p for p in own.values() if p.solver in solvers)
        baseline = tuple(p for p in mine if p.name == CURRENT)
        others = tuple(p for p in mine if p.name != CURRENT)
        return baseline + (others or _members(default, here, solvers))
    found: dict[str, Profile] = {}
    for name in names:
        meant = f"@{default}" if name.strip() == f"@{DEFAULT_SET}" else name.strip()
        for profile in _meant_by(meant, everything, here, solvers):
            found.setdefault(profile.key, profile)
    return tuple(found.values())


def _meant_by(
    name: str, everything: Mapping[str, Profile], here: Mapping[str, Profile], solvers: Sequence[str]
) -> tuple[Profile, ...]:
    if name.startswith("@"):
        return _members(name[1:], here, solvers)
    candidates = everything if ":" in name else here
    exact = tuple(p for key, p in candidates.items() if name in {key, p.name})
    loose = tuple(p for key, p in candidates.items() if name.casefold() in {key.casefold(), p.name.casefold()})
    if exact or loose:
        return exact or loose
    raise UsageError(_unknown(name, everything, here, solvers))


def _members(name: str, here: Mapping[str, Profile], solvers: Sequence[str]) -> tuple[Profile, ...]:
    having = {p.solver for p in here.values() if name in p.sets}
    sets_of = {solver: name if solver in having or name not in _BY_CLASS else DEFAULT_SET for solver in solvers}
    members = tuple(p for p in here.values() if sets_of[p.solver] in p.sets)
    if members:
        return members
    sets = sorted({f"@{one}" for p in here.values() for one in p.sets})
    raise UsageError(
        f"There is no set of profiles {'@' + name!r} for {', '.join(solvers)}. "
        + (f"Known sets: {', '.join(sets)}." if sets else "Name option files with --opt-file.")
    )


def _unknown(name: str, everything: Mapping[str, Profile], here: Mapping[str, Profile], solvers: Sequence[str]) -> str:
    words = [f"No profile is called {name!r}."]
    elsewhere = sorted(key for key, p in everything.items() if p.name == name)
    names = sorted(everything) if ":" in name else [p.name for p in here.values()]
    close = _close_to(name, names)
    if name == CURRENT:
        files = " or ".join(f"'{solver}.opt'" for solver in solvers)
        words.append(f"It would be the run folder's own {files}, and there is none.")
    elif elsewhere:
        words.append(f"It exists as {_listed(elsewhere)}: name it so, or give its --solver.")
    elif close:
        words.append(f"Did you mean {_listed(close)}?")
    if here:
        sets = sorted({f"@{one}" for p in here.values() for one in p.sets})
        words.append(f"Known for {', '.join(solvers)}: {', '.join([*(p.name for p in here.values()), *sets])}.")
    else:
        known = sorted({p.solver for p in everything.values()})
        words.append(f"There is no profile at all for {', '.join(solvers)}; there are for {', '.join(known)}.")
    return " ".join(words)


def _close_to(name: str, names: Sequence[str]) -> list[str]:
    """At most three: names that contain the text, else names with a similar spelling."""
    holding = [known for known in names if len(name) > 2 and name.casefold() in known.casefold()]
    return holding[:3] or difflib.get_close_matches(name, names, n=3, cutoff=0.5)


def _listed(names: Sequence[str]) -> str:
    return " or ".join(repr(name) for name in names)


def _as_text(options: str) -> str:
    try:
        options.encode()
    except UnicodeEncodeError:
        raw = options.encode("utf-8", "surrogateescape")
        # PowerShell redirects in UTF-16; no text of Windows' own code page begins with its mark.
        return raw.decode("utf-16" if raw[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) else "cp1252", "replace")
    return options


def _safe_name(name: str) -> str:
    return _NOT_IN_A_NAME.sub("_", name.strip()).strip(".") or "_"


def _example(solver: str) -> str:
    return "solver = ipm" if solver == "highs" else "lpmethod 4"
