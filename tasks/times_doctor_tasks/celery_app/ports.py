"""The ports that the two tasks call. The worker installs the real ones at boot; tests install fakes."""

from __future__ import annotations

from typing import Any, Protocol

from times_doctor_tasks.contract.messages import AggregateTask, SolveTask


class SolvePort(Protocol):
    """Carries a run through its life."""

    def solve(self, task: SolveTask) -> str | None:
        """The terminal state of the run, or None when this delivery must be dropped (leased elsewhere, parked)."""


class AggregatePort(Protocol):
    """Makes the report of a scan."""

    def aggregate(self, task: AggregateTask) -> str:
        """Returns "reported", or "done" if the report existed already."""


class PortMissing(RuntimeError):
    """This process consumes a queue without having installed its port: a bug."""


_ports: dict[str, Any] = {}


def install(*, solver: SolvePort | None = None, aggregator: AggregatePort | None = None) -> None:
    """Installs the ports of this process; None removes one."""
    _ports.update(solver=solver, aggregator=aggregator)


def solver() -> SolvePort:
    """The installed solve port."""
    return _installed("solver")  # type: ignore[no-any-return]  # a dict of ports


def aggregator() -> AggregatePort:
    """The installed aggregate port."""
    return _installed("aggregator")  # type: ignore[no-any-return]  # a dict of ports


def _installed(name: str) -> Any:
    port = _ports.get(name)
    if port is None:
        raise PortMissing(f"no {name} is installed in this process")
    return port
