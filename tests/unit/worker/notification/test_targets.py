from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from times_doctor_tasks.testing.documents import make_scan_spec
from times_doctor_worker.notification import targets as module
from times_doctor_worker.notification.targets import Targets, read_targets

#: What must never be seen of the files below.
SECRET = "hunter2"
FILE = f"""
waits_longer_than = "2h"
[targets]
anna = ["mailto://anna:{SECRET}@mail.example", "json://hook.example/{SECRET}"]
ops = ["slack://{SECRET}/b/c"]
[people]
"anna@laptop" = "anna"
bob = "ops"
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "notify.toml"
    path.touch(mode=0o600)
    return path


def read(file: Path, text: str) -> Targets:
    file.write_text(text)
    return read_targets(file)


def test_names_people_and_the_limit_are_read(file: Path) -> None:
    targets = read(file, FILE)
    assert list(targets.urls) == ["anna", "ops"]
    assert len(targets.urls["anna"]) == 2
    assert (targets.waits_s, targets.faults) == (7200.0, ())


@pytest.mark.parametrize(
    ("client", "notify", "name"),
    [
        ("anna@laptop", "", "anna"),
        ("anna@desktop", "", ""),
        ("bob@anywhere", "", "ops"),
        ("bob@anywhere", "anna", "anna"),
        ("carl@x", "ops", "ops"),
        ("bob@anywhere", "none", ""),
        ("bob@anywhere", "nobody-knows", ""),
        ("", "", ""),
    ],
)
def test_a_scan_tells_the_name_it_says_else_its_persons_default(
    file: Path, client: str, notify: str, name: str
) -> None:
    assert read(file, FILE).name_for(make_scan_spec(client=client, notify=notify)) == name


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (f'[targets]\nanna = ["mailto://{SECRET}"', "it is not valid TOML (at end of document)"),
        (f"[targets]\nanna = json://{SECRET}", "it is not valid TOML (at line 2, column 8)"),
        (f'[targets]\nanna = "json://{SECRET}"', "Expected `array`, got `str` - at `$.targets[...]`"),
        (f'[targets]\nanna = ["{SECRET}"]', "address 1 of 'anna' is no URL (mailto://..., json://...)"),
        (f'[targets]\nanna = ["json://h", " json://{SECRET}"]', "address 2 of 'anna' is no URL"),
        (f'[targets]\n"json://{SECRET}@h" = ["json://h"]', "name 1 of [targets] must be of letters, digits"),
        ('[targets]\nnone = ["json://h"]', "name 1 of [targets] must be of letters, digits and ._+@-, and not 'none'"),
        ('[targets]\na = ["json://h"]\n[people]\nanna = "b"', "entry 1 of [people] names no entry of [targets]"),
        (f'[targets]\na = ["json://h"]\n[people]\nanna = "json://{SECRET}"', "entry 1 of [people] names no entry"),
        (f'"json://{SECRET}@h" = 1\n[targets]\n', "unknown field `***`"),
        ("[target]\n", "unknown field `target`; known are [targets], [people] and waits_longer_than"),
        ("", "missing required field `targets`"),
        ('waits_longer_than = "long"\n[targets]\n', "waits_longer_than 'long': expected a time such as"),
    ],
)
def test_a_file_that_is_wrong_says_what_and_where_and_tells_nobody(file: Path, text: str, words: str) -> None:
    targets = read(file, text)
    assert dict(targets.urls) == {}
    (fault,) = targets.faults
    assert words in fault
    assert fault.startswith(f"No messages are sent ({file}): ")
    assert SECRET not in repr(targets)


def test_bytes_that_are_no_text_are_no_toml(file: Path) -> None:
    file.write_bytes(b"\xff\xfe")
    assert "it is not valid TOML" in read_targets(file).faults[0]


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    (fault,) = read_targets(tmp_path / "gone.toml").faults
    assert "gone.toml): it cannot be read: No such file or directory." in fault


def test_a_file_that_everybody_can_read_works_with_a_warning(file: Path) -> None:
    file.chmod(0o644)
    targets = read(file, FILE)
    assert list(targets.urls) == ["anna", "ops"]
    assert targets.faults == (f"{file} has passwords in it, and everybody on this machine can read it: chmod o-r.",)


def test_without_apprise_the_way_to_get_it_is_said(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "find_spec", lambda name: None if name == "apprise" else importlib.util.find_spec(name))
    assert "pip install '.[notify]' in a clone" in read(file, FILE).faults[0]


def test_no_address_is_in_what_is_shown_of_targets(file: Path) -> None:
    assert SECRET not in repr(read(file, FILE))
