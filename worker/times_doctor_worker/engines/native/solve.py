"""The program that solves one LP or MIP file with one solver: `python -m ... ORDER`, a file that `Order` describes.

It is a separate process, so that it can be stopped, measured and killed like GAMS. SIGINT and SIGTERM end the solve and
keep the result so far. They are blocked before the solver is loaded, and a thread waits for them: the signal handlers
of Xpress and COPT lose the result. A solver that does not return is abandoned.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import sys
import threading
import time
from pathlib import Path

from times_doctor_worker.engines.native.adapter import (
    Adapter,
    BadOption,
    Missing,
    NoLicence,
    Order,
    Refused,
    Unreadable,
    finite,
    words_of,
)

TYPE_CHECKING = False  # see `adapter`
if TYPE_CHECKING:
    from typing import Any

#: Seconds from a signal until the process ends without its solver's answer, and between calls of `stop`: a solver that
#: has not started yet ignores it.
FORCED_S = 10.0
AGAIN_S = 0.1
_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_INTERRUPTED = "Interrupted by user"
#: Figures to drop for a model without a (known) solution, even if its solver gives them.
_SOLVED = ("Optimal", "Optimal after scaling", "Feasible")


class Program:
    """Carries out one order."""

    def __init__(self, order: Order) -> None:
        self._order = order
        self._adapter: Adapter | None = None
        self._known: dict[str, Any] = {"solver": order.solver}
        self._stopped_s: float | None = None
        self._lock = threading.Lock()

    def run(self) -> int:
        """Solves, and always writes the result; the return code says why it could not solve."""
        try:
            self._solve()
        except Refused as refusal:
            return self._refused(refusal.code, str(refusal))
        except Exception as error:  # noqa: BLE001  # whatever a solver throws ends as a result
            return self._refused(Refused.code, f"{type(error).__name__}: {words_of(error)}")
        return self._end(0)

    def _refused(self, code: int, why: str) -> int:
        if why:
            self._known["why"] = why
            self._say(f"ERROR:   {why}")
        return self._end(code)

    def _say(self, line: str) -> None:
        with Path(self._order.log).open("a", encoding="utf-8") as log:
            log.write(f"{line}\n")

    def _solve(self) -> None:
        order, known = self._order, self._known
        adapter = adapter_for(order.solver)(order)
        known["version"] = adapter.version
        known["of_gams_only"] = [name for _, name, native, _ in order.options if native is None]
        for line, name, native, value in order.options:
            try:
                if native is not None:
                    adapter.set(native, value)
            except BadOption as refusal:
                raise BadOption(f"line {line} of the options, {name!r} = {value!r}: {refusal}") from refusal
        adapter.read()
        known["rows"], known["columns"], known["nonzeros"] = adapter.size()
        if not known["columns"] and not known["rows"]:  # Xpress reads any text this way, and solves it
            raise Unreadable("it has no rows and no columns")
        self._adapter = adapter
        if self._stopped_s is not None:
            known["model_status"] = _INTERRUPTED
            return
        try:
            adapter.solve()
        except NoLicence as refusal:
            size = f"the model has {known['rows']:,} rows and {known['columns']:,} columns"
            is_beyond = known["rows"] + known["columns"] >= adapter.BEYOND  # otherwise the size is not the reason
            free = f", and the free licence takes {adapter.FREE}" if is_beyond else ""
            raise NoLicence(f"{size}{free} ({refusal})") from refusal
        if self._stopped_s is not None:
            known["stop_latency_s"] = round(time.monotonic() - self._stopped_s, 3)
        known.update(_clean(adapter.answer()))
        if order.solver != "highs":
            self._say(f"\ntimes-doctor: {known['model_status']}; objective {known.get('objective')}")

    def watch(self) -> None:
        """Waits for a signal, then stops the solver, then the process."""
        signal.sigwait(_SIGNALS)
        self._stopped_s = time.monotonic()
        while time.monotonic() < self._stopped_s + FORCED_S:
            if self._adapter is not None:
                self._adapter.stop()
            time.sleep(AGAIN_S)
        self._known.update(model_status=_INTERRUPTED, forced=True)
        os._exit(self._end(0))

    def _end(self, code: int) -> int:
        """Writes the result atomically and only once: both the watcher and the solve may call it."""
        self._lock.acquire()
        part = Path(f"{self._order.result}.part")
        part.write_text(json.dumps(finite(self._known)), "utf-8")
        part.replace(self._order.result)
        return code


def adapter_for(solver: str) -> type[Adapter]:
    """The adapter of a solver, with its library loaded."""
    try:
        module = importlib.import_module(f"times_doctor_worker.engines.native.{solver}")
    except ImportError as error:
        raise Missing(words_of(error)) from error
    adapter: type[Adapter] = getattr(module, solver.capitalize())
    return adapter


def _clean(answer: dict[str, Any]) -> dict[str, Any]:
    """The credible figures: an objective only with a solution, a basis only if it is optimal."""
    status = answer["model_status"]
    if status not in _SOLVED and "limit" not in status and status != _INTERRUPTED:
        answer |= {"objective": None, "bound": None}
    if "basis" in answer:
        answer["basis"] = answer["basis"] and status in _SOLVED[:2]
    return answer | {"quality": finite(answer["quality"])}


def probe(solver: str) -> dict[str, str]:
    """What a solver reports after it got a model beyond its free licence."""
    import tempfile  # imported here: a solve does not need it

    with tempfile.TemporaryDirectory() as folder:
        model = f"{folder}/probe.lp"
        try:
            kind = adapter_for(solver)
            adapter = kind(Order(solver, model, f"{folder}/run.log", ""))
            told = {"version": adapter.version, "until": adapter.until()}
            if adapter.BEYOND:
                columns = "\n + ".join(f"x{n}" for n in range(adapter.BEYOND))
                Path(model).write_text(f"Minimize\n c: {columns}\nSubject To\n r: {columns} >= 1\nEnd\n", "utf-8")
                adapter.read()
                adapter.solve()
        except NoLicence as refusal:
            if Path(model).exists():
                return told | {"free": adapter.FREE}
            return {"why": str(refusal), "licence": kind.LICENCE}
        except Exception as error:  # noqa: BLE001  # a library that breaks down is no solver
            return {"why": words_of(error)}
    return told


def main(path: str) -> int:
    """Carries out the order in a file."""
    block = getattr(signal, "pthread_sigmask", None)  # not on Windows, where only `diagnose` gets here
    if block is not None:
        block(signal.SIG_BLOCK, _SIGNALS)
    with Path(path).open(encoding="utf-8") as file:
        program = Program(Order(**json.load(file)))
    if block is not None:
        threading.Thread(target=program.watch, daemon=True).start()
    return program.run()


if __name__ == "__main__":
    if sys.argv[1] == "--probe":
        code = 0
        print(json.dumps(probe(sys.argv[2])))  # noqa: T201  # for whoever asked
    else:
        code = main(sys.argv[1])
    sys.stdout.flush()
    os._exit(code)  # a library that crashes at exit would spoil the answer
