from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="this machine has no make")


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A clone beside a PATH with nothing on it but a shell and make."""
    (tmp_path / "bin").mkdir()
    for name in ("sh", "make", "awk"):
        program = shutil.which(name)
        assert program is not None
        (tmp_path / "bin" / name).symlink_to(program)
    for name in ("Makefile", "pyproject.toml"):
        shutil.copyfile(ROOT / name, tmp_path / name)
    return tmp_path


def put_python(clone: Path, name: str, version: str) -> None:
    """A Python that is too old for anything but to say its version."""
    path = clone / "bin" / name
    path.write_text(f'#!/bin/sh\ncase "$1" in -V) echo Python {version};; *) exit 1;; esac\n')
    path.chmod(0o755)


def make(clone: Path, *words: str) -> tuple[int, str]:
    done = subprocess.run(
        ["make", *words], cwd=clone, env={"PATH": str(clone / "bin")}, capture_output=True, text=True, timeout=60
    )
    return done.returncode, done.stdout


def test_without_python_make_says_what_to_install(clone: Path) -> None:
    code, said = make(clone, "demo")

    assert code != 0
    assert said.startswith("times-doctor needs Python 3.11 or newer, and there is no python3.\nInstall one (Debian")
    assert not (clone / ".venv").exists()


def test_an_old_python_is_named_and_a_newer_one_beside_it(clone: Path) -> None:
    put_python(clone, "python3", "3.8.1")
    assert "and python3 is Python 3.8.1.\nInstall one" in make(clone, "demo")[1]

    put_python(clone, "python3.12", "3.12.1")
    assert make(clone, "demo")[1].endswith("There is python3.12: make PYTHON=python3.12 demo\n")


def test_make_alone_lists_the_targets(clone: Path) -> None:
    code, said = make(clone)

    assert code == 0
    assert "  demo " in said
