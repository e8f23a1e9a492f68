from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from times_doctor_cli.main import make_app
from times_doctor_tasks.contract.users import kept_passwords


def run(*words: str) -> tuple[int, str]:
    done = CliRunner().invoke(make_app(["acl", "hosts"]), ["acl", *words])
    return done.exit_code, done.output


def test_keep_prints_the_passwords_of_the_file(tmp_path: Path) -> None:
    users = tmp_path / "users.acl"
    users.write_text(run()[1])
    assert run("--keep", str(users)) == (0, users.read_text())
    assert kept_passwords(run()[1]) != kept_passwords(users.read_text())


@pytest.mark.parametrize(
    ("content", "says"), [(None, "cannot be read"), (b"", "Write to another file"), (b"\xff", "be read")]
)
def test_a_file_without_passwords_is_refused_in_words(tmp_path: Path, content: bytes | None, says: str) -> None:
    users = tmp_path / "users.acl"
    if content is not None:
        users.write_bytes(content)
    code, said = run("--keep", str(users))
    assert (code, says in said) == (2, True), said


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="this system has no /dev/zero")
def test_a_file_without_an_end_is_refused() -> None:
    code, said = run("--keep", "/dev/zero")
    assert (code, "has no user with a password" in said) == (2, True), said
