from __future__ import annotations

import contextlib
import importlib
import pkgutil
from types import ModuleType

import pytest

import times_doctor_cli
import times_doctor_tasks
import times_doctor_worker
from times_doctor_tasks.contract.errors import BrokerUnavailable, TimesDoctorError, UsageError


def all_errors() -> list[type[TimesDoctorError]]:
    for package in (times_doctor_tasks, times_doctor_worker, times_doctor_cli):
        _import_below(package)
    found: list[type[TimesDoctorError]] = []
    todo = [TimesDoctorError]
    while todo:
        todo += (children := todo.pop().__subclasses__())
        found += children
    return found


def _import_below(package: ModuleType) -> None:
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        if not module.name.endswith("__main__"):
            with contextlib.suppress(*([ModuleNotFoundError] if ".engines.native." in module.name else [])):
                importlib.import_module(module.name)  # an adapter imports its solver, which may not be here


@pytest.mark.parametrize("kind", all_errors(), ids=lambda kind: kind.__name__)
def test_an_error_rebuilt_from_its_args_says_the_same(kind: type[TimesDoctorError]) -> None:
    count = kind.__init__.__code__.co_argcount - 1 if "__init__" in vars(kind) else 1
    error = kind(*[f"a{n}" for n in range(count)])
    assert type(error)(*error.args).args == error.args
    assert len(error.args) == count


def test_a_broker_error_names_the_broker_and_what_to_do() -> None:
    text = str(BrokerUnavailable("redis://h:1/0", "refused"))
    assert "redis://h:1/0" in text
    assert "TIMES_DOCTOR_BROKER_URL" in text


def test_an_error_without_words_says_its_default_message() -> None:
    assert str(UsageError()) == "The command cannot be carried out as it was given."
