"""Whether a run failed because of this host, and what to do then."""

from __future__ import annotations

import logging
import shutil

from times_doctor_tasks.contract.messages import RunResult
from times_doctor_tasks.contract.states import RunState, Verdict
from times_doctor_tasks.state_store.run_store import RunStore
from times_doctor_worker.execution.run_reporter import Line
from times_doctor_worker.host.engine_availability import HostFault, Rotation
from times_doctor_worker.workspace.workspace import Workspace

logger = logging.getLogger(__name__)

#: How the record names the end of an attempt that does not count against its run.
HANDED_BACK = "handed back"
#: Ways to fail that a full disk explains.
_OF_DISK = frozenset({Verdict.EXECUTION_ERROR, Verdict.COMPILE_ERROR, Verdict.NO_SOLVE})
#: Ways to fail that a broken engine or a lost licence explains.
_OF_ENGINE = frozenset({Verdict.LICENCE, Verdict.SOLVER_FAILURE})


class HostFaults:
    """Judges failed runs of one host. A private worker has no other host for a run, so it never judges."""

    def __init__(self, store: RunStore, rotation: Rotation, workspace: Workspace, *, is_private: bool) -> None:
        self._store = store
        self._rotation = rotation
        self._workspace = workspace
        self._is_private = is_private

    def behind(self, result: RunResult) -> HostFault | None:
        """The fault of this host that explains a failure; checks disk, engine and licence now."""
        if self._is_private or result.state is not RunState.FAILED or result.stop_reason is not None:
            return None
        if result.verdict in _OF_ENGINE:
            return self._rotation.blame(result.engine)
        if result.verdict in _OF_DISK and (why := self._workspace.disk_fault()):
            return HostFault(result.engine, why)
        return None

    def take_out(self, fault: HostFault, result: RunResult) -> bool:
        """Takes the engine out of rotation; False if the run has to end here nevertheless."""
        if self._is_private:
            return False
        if result.directory is not None and self._workspace.disk_fault():
            # This run itself may have filled the disk.
            shutil.rmtree(result.directory, ignore_errors=True)
        self._rotation.take_out(fault)
        return True

    def hosts_failed(self, line: Line) -> list[str]:
        """Hosts of the attempts that count, the present one last."""
        history = self._store.history(line.spec.scan, line.run.run)
        return [attempt.host for attempt in history if not attempt.ended_as.startswith(HANDED_BACK)]
