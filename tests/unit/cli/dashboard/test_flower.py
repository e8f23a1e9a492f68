from __future__ import annotations

import os
import signal
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest
from tornado.ioloop import IOLoop

from times_doctor_cli.dashboard.flower import (
    AUTH_VARIABLE,
    as_shown,
    end_at_sigterm,
    is_loopback,
    read_accounts,
)
from times_doctor_tasks.contract.errors import UsageError

HERE = "127.0.0.1"


def test_flower_does_not_start_without_a_password() -> None:
    with pytest.raises(UsageError, match=f"without a password. Set {AUTH_VARIABLE}=user:password"):
        read_accounts({AUTH_VARIABLE: "  "}, None, address=HERE, no_auth=False)


@pytest.mark.parametrize("address", ["0.0.0.0", "::", "", "10.1.2.3", "solver.example", "127.0.0.1.example"])
def test_no_auth_is_refused_where_others_could_reach_it(address: str) -> None:
    with pytest.raises(UsageError, match="--no-auth is for this machine only"):
        read_accounts({AUTH_VARIABLE: "ops:secret"}, None, address=address, no_auth=True)


@pytest.mark.parametrize("address", ["127.0.0.1", "127.8.9.1", "::1", "localhost"])
def test_no_auth_is_taken_on_the_machines_own_address(address: str) -> None:
    assert is_loopback(address)
    assert read_accounts({}, None, address=address, no_auth=True) == ()


def test_the_variable_holds_one_account_with_any_letter_in_its_password() -> None:
    assert read_accounts({AUTH_VARIABLE: "ops:a,b:c d"}, None, address="0.0.0.0", no_auth=False) == ("ops:a,b:c d",)


def test_the_file_holds_an_account_a_line_and_goes_before_the_variable(tmp_path: Path) -> None:
    file = tmp_path / "accounts"
    file.write_text("ops:one\n\nguest:two\n")
    accounts = read_accounts({AUTH_VARIABLE: "x:y"}, file, address=HERE, no_auth=False)
    assert accounts == ("ops:one", "guest:two")


@pytest.mark.parametrize("entry", ["ops", "ops:", ":secret", "ops:gehëim"])
def test_an_entry_that_is_no_account_is_named_without_being_shown(tmp_path: Path, entry: str) -> None:
    file = tmp_path / "accounts"
    file.write_text(f"a:b\n{entry}\n", "utf-8")
    with pytest.raises(UsageError, match=r"Entry 2 in .*accounts is not user:password") as refused:
        read_accounts({}, file, address=HERE, no_auth=False)
    assert "secret" not in str(refused.value)


def test_a_password_file_that_is_missing_or_empty_is_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        read_accounts({}, tmp_path / "none", address=HERE, no_auth=False)
    (tmp_path / "empty").touch()
    with pytest.raises(UsageError, match="without a password"):
        read_accounts({}, tmp_path / "empty", address=HERE, no_auth=False)


def test_a_row_shows_profile_solver_and_model_and_a_bare_result() -> None:
    task = as_shown(SimpleNamespace(args="dual (cplex) of a, scan of b, scan 261123-1-x", result="'done'"))
    assert (task.args, task.result) == ("dual (cplex) of a, scan of b", "done")
    callback = as_shown(SimpleNamespace(args="scan 261123-1-x", result=None))
    assert (callback.args, callback.result) == ("scan 261123-1-x", "")


class _Dying:
    def __del__(self) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        list(range(100))  # the handler runs between two steps of Python


def test_a_signal_ends_flower_even_while_an_object_is_finalized() -> None:
    loop = IOLoop(make_current=False)
    before, is_late = signal.getsignal(signal.SIGTERM), threading.Event()

    def late() -> None:
        is_late.set()
        loop.stop()

    try:
        end_at_sigterm(loop)
        dying = [_Dying()]
        loop.add_callback(dying.clear)
        loop.call_later(20.0, late)
        loop.start()
    finally:
        signal.signal(signal.SIGTERM, before)
        loop.close()
    assert not is_late.is_set()
