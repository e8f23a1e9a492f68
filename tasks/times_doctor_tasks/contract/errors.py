"""Errors, by who has to act.

    TimesDoctorError
    |-- UsageError             the person at the keyboard: a path, a name, an option (exit code 2)
    `-- InfrastructureError    the operator: broker, store, hosts, GAMS (exit code 5)
        |-- BrokerUnavailable
        |-- NoHostForSolver
        |-- EngineNotFound
        |-- LocalStackFailed
        |-- StoreFailed
        `-- SchemaMismatch

What goes wrong in a solve is no error of ours: it becomes a run's document.

An error that can leave a task passes all its positional arguments to `super().__init__`: Celery's JSON backend
rebuilds it from `args` alone. The sentence is made of them when it is shown: by `words`, or in `__str__`.
"""

from __future__ import annotations

from typing import ClassVar


class TimesDoctorError(Exception):
    """The root of our errors."""

    #: What to do next, shown on a separate line; empty if the message says it.
    hint: ClassVar[str] = ""
    #: The sentence, with `{0}`, `{1!r}` for the arguments in their order; without it they are the sentence themselves.
    words: ClassVar[str] = ""

    def __str__(self) -> str:
        if self.words:
            return self.words.format(*self.args)
        return " ".join(str(arg) for arg in self.args) or (self.__doc__ or "").strip()


class UsageError(TimesDoctorError):
    """The command cannot be carried out as it was given."""


class InfrastructureError(TimesDoctorError):
    """The infrastructure around the solve does not work."""


class BrokerUnavailable(InfrastructureError):
    """The broker does not answer, or refuses us."""

    words = (
        "The broker {0!r} cannot be used: {1}. "
        "It must be Redis or Valkey, version 7 or newer. "
        "Check TIMES_DOCTOR_BROKER_URL, and that the server runs."
    )


class NoHostForSolver(InfrastructureError):
    """No live host can run the request."""


class EngineNotFound(InfrastructureError):
    """No engine (GAMS or HiGHS) was found on this host."""


class LocalStackFailed(InfrastructureError):
    """The private broker or worker of this scan did not start."""


class StoreFailed(InfrastructureError):
    """The blob store refused, or lost, something."""


class SchemaMismatch(InfrastructureError):
    """A message or document has a form that this version cannot read."""
