"""A host's card, explained for people."""

from __future__ import annotations

from times_doctor_tasks.blob_store.base import StoreSight
from times_doctor_tasks.contract.hosts import ENGINE_NAMES, HostCard, engine_for
from times_doctor_tasks.contract.messages import SCHEMA

#: What to do about a host with another store.
ONE_STORE = "set TIMES_DOCTOR_STORE_URL to the same store there and here"


def makes_reports(card: HostCard) -> bool:
    """Whether it is a control worker that understands our messages."""
    return "control" in card.roles and SCHEMA in card.schemas


def other_version(card: HostCard) -> str:
    """That a host speaks another version of messages than this client, as words after its name; else empty."""
    if SCHEMA in card.schemas:
        return ""
    where = "here" if min(card.schemas, default=0) > SCHEMA else f"on {card.host}"
    spoken = ", ".join(map(str, card.schemas))
    return f"speaks message version {spoken}, this client {SCHEMA}: upgrade times-doctor {where}"


def other_store(card: HostCard, store: StoreSight) -> str:
    """How a host's store differs from this machine's, as words after the host's name.

    Empty if it is the same one, or unknown: an older host does not report it.
    """
    if not card.store_id or not store.identity or card.store_id == store.identity:
        return ""
    if card.store == store.where:
        return f"calls its store {card.store} as this machine does, and it is another one"
    return f"uses the store {card.store}, this machine {store.where}, and these are not the same"


def solvers_of(card: HostCard, engine: str) -> tuple[str, ...]:
    """Solvers of a host under `engine` ("native": all those without GAMS), those with profiles first."""
    from times_doctor_tasks.profiles.registry import built_in_profiles  # imported only if needed

    named = [name.split(".", 1) for name in card.solvers]
    found = [solver for under, solver in named if under == engine_for(engine, solver)]
    known = {profile.solver for profile in built_in_profiles(engine=engine)}
    return tuple(sorted(found, key=lambda solver: (solver not in known, solver)))


def engines_of(card: HostCard, kind: str) -> list[str]:
    """The engines of a host for models that need GAMS ("gams"), or none ("native")."""
    return [engine for engine in card.engines if (engine == "gams") == (kind == "gams")]


def licence_of(card: HostCard, engine: str) -> str:
    """The note on an engine's licence; empty if there is none."""
    return card.licence if engine == "gams" else card.licences.get(engine, "")


def engine_of_note(note: str) -> str:
    """The engine that a host's note is about: the first one named, as it may name another as a way out.

    >>> engine_of_note("The GAMS licence ended. HiGHS needs none."), engine_of_note("the disk is full")
    ('gams', '')
    """
    places = {engine: note.find(name) for engine, name in ENGINE_NAMES.items() if name in note}
    return min(places, key=places.__getitem__, default="")
