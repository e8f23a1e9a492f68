from __future__ import annotations

from pathlib import Path

import pytest

from times_doctor_tasks.config import resources
from times_doctor_tasks.contract.errors import UsageError
from times_doctor_worker.service.options import CONTROL_SLOTS, Service, read_words

BROKER = {"TIMES_DOCTOR_BROKER_URL": "redis://broker/0", "HOME": "/home/w"}


def read(folder: Path, *words: str, **environ: str) -> Service:
    return read_words(words, BROKER | environ, folder=folder)


def test_a_worker_without_words_solves_with_all_cores_and_has_control_beside(tmp_path: Path) -> None:
    service = read(tmp_path)
    plan = service.plan
    assert (plan.roles, plan.slots, plan.cores) == (("solve",), resources.cores(), resources.cores())
    assert (service.has_control_child, service.has_lifeline, service.drain_s) == (True, False, 60.0)
    assert (plan.store_url, plan.check_solvers, service.plan.cache_bytes) == ("redis", True, 20 * 10**9)


def test_words_come_before_settings(tmp_path: Path) -> None:
    service = read(tmp_path, "--name", "h7", "--slots", "3", "--threads=6", TIMES_DOCTOR_HOST="other")
    assert (service.plan.host, service.plan.slots, service.plan.cores) == ("h7", 3, 6)
    assert service.plan.card_name == "h7"


def test_slots_default_to_the_threads_given(tmp_path: Path) -> None:
    assert read(tmp_path, "--threads", "5").plan.slots == 5


def test_a_control_worker_beats_beside_the_hosts_own_name(tmp_path: Path) -> None:
    service = read(tmp_path, "--role", "control", "--name", "h1", "--lifeline")
    assert (service.plan.roles, service.plan.slots, service.plan.card_name) == (
        ("control",),
        CONTROL_SLOTS,
        "control@h1",
    )
    assert (service.has_control_child, service.has_lifeline) == (False, True)


def test_settings_come_from_the_configuration_file_too(tmp_path: Path) -> None:
    (tmp_path / "times-doctor.toml").write_text('broker_url = "redis://b/1"\ndrain_s = 5\ncache_gb = 0.5\n')
    service = read_words([], {"HOME": "/h"}, folder=tmp_path)
    assert (service.plan.broker_url, service.drain_s, service.plan.cache_bytes) == ("redis://b/1", 5.0, 500_000_000)


def test_whom_to_tell_is_a_file_that_both_roles_are_given_and_control_reads(tmp_path: Path) -> None:
    for role in ("both", "control"):
        service = read(tmp_path, "--role", role, TIMES_DOCTOR_NOTIFY_FILE="/etc/td/notify.toml")
        assert service.notify_file == Path("/etc/td/notify.toml")
    assert read(tmp_path).notify_file is None


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--role", "king"], "invalid choice: 'king'"),
        (["--slots", "0"], "'0' is not a whole number of 1 or more"),
        (["--threads", "two"], "'two' is not a whole number of 1 or more"),
        (["--name", "a b"], "--name 'a b': expected letters"),
        (["--frobnicate"], "unrecognized arguments: --frobnicate"),
    ],
)
def test_a_wrong_word_is_named(tmp_path: Path, words: list[str], said: str) -> None:
    with pytest.raises(UsageError) as caught:
        read(tmp_path, *words)
    assert said in str(caught.value)


def test_the_help_has_every_option_and_fits_into_80_columns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit) as ending:
        read(tmp_path, "--help")
    text = capsys.readouterr().out
    assert ending.value.code == 0
    assert text.startswith("usage: times-doctor worker [OPTIONS]")
    assert all(f"  {option} " in text for option in ("--role", "--slots", "--threads", "--name"))
    assert max(map(len, text.splitlines())) <= 80


def test_an_option_is_typed_whole(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="unrecognized arguments: --slot"):
        read(tmp_path, "--slot", "2")


def test_a_worker_without_a_broker_says_how_to_set_one(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"A worker needs a broker and none is configured\. Set TIMES_DOC"):
        read_words([], {"HOME": "/h"}, folder=tmp_path)


def test_a_log_is_told_its_level_and_form(tmp_path: Path) -> None:
    assert (read(tmp_path).log_level, read(tmp_path).log_format) == ("INFO", "text")
    service = read(tmp_path, "--log-level", "debug", "--log-format=json")
    assert (service.log_level, service.log_format) == ("DEBUG", "json")
    with pytest.raises(UsageError, match="invalid choice: 'loud'"):
        read(tmp_path, "--log-level", "loud")


@pytest.mark.parametrize(
    ("words", "environ", "port"),
    [
        ((), {}, None),
        (("--role", "control", "--metrics-port", "9464"), {}, 9464),
        (("--role", "solve"), {"TIMES_DOCTOR_METRICS_PORT": "9464"}, 9464),
        (("--role", "solve", "--metrics-port=1"), {"TIMES_DOCTOR_METRICS_PORT": "9464"}, 1),
        (("--metrics-port", "65534"), {}, 65535),  # both roles: the control worker beside has the port itself
    ],
)
def test_a_worker_answers_at_the_port_it_was_given(
    tmp_path: Path, words: tuple[str, ...], environ: dict[str, str], port: int | None
) -> None:
    service = read(tmp_path, *words, **environ)
    assert (service.metrics_port, service.metrics_address) == (port, "127.0.0.1")


@pytest.mark.parametrize("port", ["0", "65535", "x", "9464.5"])
def test_what_is_no_port_is_said(tmp_path: Path, port: str) -> None:
    with pytest.raises(UsageError, match="from 1 to 65,534"):
        read(tmp_path, "--metrics-port", port)
    with pytest.raises(UsageError, match="TIMES_DOCTOR_METRICS_PORT"):
        read(tmp_path, TIMES_DOCTOR_METRICS_PORT=port)


def test_only_an_address_is_listened_on(tmp_path: Path) -> None:
    assert read(tmp_path, TIMES_DOCTOR_METRICS_ADDRESS="0.0.0.0").metrics_address == "0.0.0.0"
    with pytest.raises(UsageError, match="an IP address of this machine"):
        read(tmp_path, TIMES_DOCTOR_METRICS_ADDRESS="everywhere")


def test_a_worker_may_come_for_a_while(tmp_path: Path) -> None:
    service = read(tmp_path, "--until-idle", "10", "--max-hours", "1.5")
    assert (service.idle_s, service.most_s) == (600.0, 5400.0)
    assert read(tmp_path).idle_s is None
    with pytest.raises(UsageError, match="--until-idle: 'soon' is not a number above 0"):
        read(tmp_path, "--until-idle", "soon")
