from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.conftest import wait_until
from tests.faults.counting import Tell
from tests.faults.invariants import check
from tests.integration.workers import Team, endless_mps
from times_doctor_tasks.contract.states import RunState

pytestmark = [pytest.mark.server, pytest.mark.faults, pytest.mark.timeout(200)]

#: Loaded by the worker's interpreter at its start: harms Celery when a file appears.
SABOTAGE = """
import os, threading, time

def harm():
    while not os.path.exists(os.environ["TD_TEST_HARM"]):
        time.sleep(0.05)
    from celery.worker import state
    from kombu.asynchronous import get_event_loop
    what = open(os.environ["TD_TEST_HARM"]).read()
    if what == "leak":
        class Request: pass
        global kept
        kept = Request()
        state.reserved_requests.add(kept)
    elif what == "block":
        get_event_loop().call_soon(time.sleep, 1000)
    elif what == "deafen":
        import gc
        from celery.worker.consumer import Consumer
        consumer = next(o for o in gc.get_objects() if isinstance(o, Consumer))
        consumer.call_soon(consumer.task_consumer.cancel)
        time.sleep(3)
    os.unlink(os.environ["TD_TEST_HARM"])

threading.Thread(target=harm, daemon=True).start()
"""


@pytest.mark.parametrize(
    ("harm", "said", "waits_s"),
    [("leak", "slots have leaked", 40), ("deafen", "none was taken", 60), ("block", "event loop has been blocked", 90)],
)
def test_a_consumer_that_lives_and_takes_nothing_asks_for_a_new_process(
    team: Team, tell: Tell, tmp_path: Path, harm: str, said: str, waits_s: float
) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "usercustomize.py").write_text(SABOTAGE)
    (tmp_path / "site" / "sitecustomize.py").write_text(SABOTAGE)
    trigger = tmp_path / "harm"
    path = f"{tmp_path / 'site'}:{os.environ.get('PYTHONPATH', '')}"
    worker = team.worker("h1", "--role", "solve", "--slots", "2", PYTHONPATH=path, TD_TEST_HARM=str(trigger))
    spec = team.submit({"a": "time_limit = 4\n"}, model=endless_mps())
    team.wait_for_state(spec, "a", RunState.RUNNING)

    trigger.with_suffix(".part").write_text(harm)
    trigger.with_suffix(".part").rename(trigger)
    wait_until(lambda: not trigger.exists(), timeout_s=20, what="the harm is done")
    waiting = team.submit({"b": ""}) if harm == "deafen" else None

    worker.wait_for("draining", timeout_s=waits_s)
    assert said in worker.log
    assert worker.wait() == 75
    tell(faults=1)
    assert team.status(spec, "a").state is RunState.DONE
    team.worker("h1")
    check(team, [spec, *([waiting] if waiting else [])], hosts=("h1",))
