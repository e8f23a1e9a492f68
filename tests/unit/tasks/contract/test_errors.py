from __future__ import annotations

import ast
import contextlib
import importlib
import pkgutil
from collections.abc import Iterator
from pathlib import Path
from string import Formatter
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


def arguments_of(kind: type[TimesDoctorError]) -> int:
    if kind.words:
        return len({name for _, name, _, _ in Formatter().parse(kind.words) if name is not None})
    return kind.__init__.__code__.co_argcount - 1 if "__init__" in vars(kind) else 1


def raised() -> Iterator[tuple[str, int, str]]:
    """(class, arguments, place) of each error with `words` that the product makes."""
    names = {kind.__name__ for kind in all_errors() if kind.words}
    for package in (times_doctor_tasks, times_doctor_worker, times_doctor_cli):
        for path in Path(package.__path__[0]).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in names:
                    yield node.func.id, len(node.args), f"{path.name}:{node.lineno}"


@pytest.mark.parametrize("kind", all_errors(), ids=lambda kind: kind.__name__)
def test_an_error_rebuilt_from_its_args_says_the_same(kind: type[TimesDoctorError]) -> None:
    error = kind(*[f"a{n}" for n in range(arguments_of(kind))])
    assert type(error)(*error.args).args == error.args
    assert len(error.args) == arguments_of(kind)
    if kind.words:
        assert all(arg in str(error) for arg in error.args)


def test_an_error_with_words_gets_as_many_arguments_as_they_have_places() -> None:
    counts = {kind.__name__: arguments_of(kind) for kind in all_errors()}
    found = list(raised())
    assert len(found) > 20
    assert [(place, name) for name, count, place in found if counts[name] != count] == []


def test_a_broker_error_names_the_broker_and_what_to_do() -> None:
    text = str(BrokerUnavailable("redis://h:1/0", "refused"))
    assert "redis://h:1/0" in text
    assert "TIMES_DOCTOR_BROKER_URL" in text


def test_an_error_without_words_says_its_default_message() -> None:
    assert str(UsageError()) == "The command cannot be carried out as it was given."
