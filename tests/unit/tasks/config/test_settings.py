from __future__ import annotations

from pathlib import Path

import pytest

from times_doctor_tasks.config.settings import CONFIG_NAME, Settings, shown_url
from times_doctor_tasks.contract.errors import UsageError


@pytest.fixture(autouse=True)
def user_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for kind in ("CONFIG", "CACHE"):
        monkeypatch.setenv(f"XDG_{kind}_HOME", str(tmp_path / kind))


def load(folder: Path, **environ: str) -> Settings:
    return Settings.load(environ, folder=folder)


def test_the_user_s_own_folders_hold_the_cache_and_what_no_file_nearer_sets(tmp_path: Path) -> None:
    user = tmp_path / "CONFIG" / "times-doctor"
    user.mkdir(parents=True)
    (user / CONFIG_NAME).write_text('host = "mine"\n')
    assert load(tmp_path).host == "mine"
    assert load(tmp_path).cache_dir == tmp_path / "CACHE" / "times-doctor"
    (tmp_path / CONFIG_NAME).write_text('host = "nearer"\n')
    assert load(tmp_path).host == "nearer"


def test_the_environment_beats_the_file_and_the_file_beats_the_default(tmp_path: Path) -> None:
    (tmp_path / CONFIG_NAME).write_text("lease_s = 10\ngrace_s = 7\n")
    settings = load(tmp_path, TIMES_DOCTOR_LEASE_S="12")
    assert (settings.lease_s, settings.grace_s, settings.key_prefix) == (12.0, 7.0, "td")
    assert settings.origins["lease_s"] == "TIMES_DOCTOR_LEASE_S"
    assert settings.origins["grace_s"].endswith(CONFIG_NAME)


def test_the_command_line_beats_all(tmp_path: Path) -> None:
    settings = Settings.load({"TIMES_DOCTOR_LEASE_S": "12"}, folder=tmp_path, overrides={"lease_s": 3.0})
    assert (settings.lease_s, settings.origins["lease_s"]) == (3.0, "command line")


def test_the_nearest_file_in_a_parent_folder_counts(tmp_path: Path) -> None:
    (tmp_path / CONFIG_NAME).write_text('host = "far"\n')
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    (tmp_path / "a" / CONFIG_NAME).write_text('host = "near"\n')
    assert load(below).host == "near"


def test_all_wrong_values_are_named_at_once(tmp_path: Path) -> None:
    (tmp_path / CONFIG_NAME).write_text("lesae_s = 10\n")
    with pytest.raises(UsageError) as caught:
        load(tmp_path, TIMES_DOCTOR_LEASE_S="soon", TIMES_DOCTOR_BROKER_URL="http://x", TD_MAX_WORKERS="0")
    for word in ("lesae_s", "TIMES_DOCTOR_LEASE_S", "soon", "http://x", "TD_MAX_WORKERS", "whole number"):
        assert word in str(caught.value)


@pytest.mark.parametrize(
    ("variable", "text", "expected"),
    [
        ("TIMES_DOCTOR_LEASE_S", "0.5", "seconds, from 1 to 3,600"),
        ("TIMES_DOCTOR_LEASE_S", "3601", "seconds, from 1 to 3,600"),
        ("TIMES_DOCTOR_LEASE_S", "nan", "seconds, from 1 to 3,600"),
        ("TIMES_DOCTOR_MAX_ATTEMPTS", "0", "a whole number, from 1 to 100"),
        ("TIMES_DOCTOR_MAX_ATTEMPTS", "2.5", "a whole number, from 1 to 100"),
        ("TIMES_DOCTOR_GRACE_S", "-1", "seconds, from 1 to 86,400"),
        ("TIMES_DOCTOR_STOP_CAP_S", "inf", "seconds, from 1 to 604,800"),
    ],
)
def test_what_recovery_and_stopping_go_by_has_bounds(tmp_path: Path, variable: str, text: str, expected: str) -> None:
    with pytest.raises(UsageError, match=f"expected {expected}"):
        load(tmp_path, **{variable: text})


def test_a_file_that_is_not_toml_is_named(tmp_path: Path) -> None:
    (tmp_path / CONFIG_NAME).write_text("lease_s: 10\n")
    with pytest.raises(UsageError, match="not valid TOML"):
        load(tmp_path)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("lease_s = " + "9" * 5_000, "is not valid TOML"),
        ("x = " + "[" * 5_000 + "]" * 5_000, "is not valid TOML"),
        ("[broker_url]\nhost = 1", "broker_url = '***'"),
        ("cache_dir = ['a']", "expected a folder"),
        ('cache_dir = "a\\u0000b"', "expected a folder"),
        ('cache_dir = "~nobody-of-this-name/x"', "expected a folder"),
        ("store_url = 5", "store_url = '***'"),
        ("store_url = ['redis']", "expected redis, a redis URL or file:///folder"),
    ],
)
def test_a_value_of_another_kind_is_named(tmp_path: Path, content: str, said: str) -> None:
    (tmp_path / CONFIG_NAME).write_text(content)
    with pytest.raises(UsageError) as caught:
        load(tmp_path)
    assert said in str(caught.value)
    assert str(tmp_path / CONFIG_NAME) in str(caught.value)


def test_a_folder_whose_name_is_no_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"cache_dir = .* from TIMES_DOCTOR_CACHE_DIR: expected a folder"):
        load(tmp_path, TIMES_DOCTOR_CACHE_DIR="/tmp/\udcff")


def test_a_file_that_may_not_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / CONFIG_NAME).write_text("")

    def refused(*_: object, **__: object) -> str:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_text", refused)
    with pytest.raises(UsageError, match="cannot be read: Permission denied"):
        load(tmp_path)


def test_a_missing_broker_says_how_to_set_one(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="TIMES_DOCTOR_BROKER_URL"):
        load(tmp_path).require_broker()


def test_an_empty_variable_counts_as_not_set(tmp_path: Path) -> None:
    assert load(tmp_path, TIMES_DOCTOR_LEASE_S="").lease_s == 30.0


def test_no_password_is_ever_shown() -> None:
    assert "secret" not in shown_url("rediss://me:secret@host:6380/1")
    assert shown_url("redis://host/0") == "redis://host/0"


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("engines", "highs", ("highs",)),
        ("engines", "HiGHS, gams,highs", ("highs", "gams")),
        ("engines", "mosek", None),
        ("engines", ",", None),
        ("sandbox", "ALL", "all"),
        ("sandbox", "yes", None),
    ],
)
def test_a_host_names_its_engines_and_whom_it_confines(tmp_path: Path, name: str, text: str, value: object) -> None:
    variable = f"TIMES_DOCTOR_{name.upper()}"
    if value is None:
        with pytest.raises(UsageError, match=variable):
            load(tmp_path, **{variable: text})
    else:
        assert getattr(load(tmp_path, **{variable: text}), name) == value
