from __future__ import annotations

import ntpath
import sys
from pathlib import PurePosixPath, PureWindowsPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from times_doctor_cli.file_names import safe_name


def is_reserved(name: str) -> bool:
    """Whether Windows keeps the name for itself."""
    if sys.version_info >= (3, 13):
        return ntpath.isreserved(name)
    return PureWindowsPath(name).is_reserved()


@given(st.text())
def test_a_name_never_leads_out_of_its_folder_under_any_system(name: str) -> None:
    safe = safe_name(name)
    for kind in (PurePosixPath, PureWindowsPath):
        joined = kind("out") / safe
        assert joined.parts == ("out", safe)
        assert safe not in (".", "..")
    assert not is_reserved(safe)
    assert 0 < len(safe.encode()) <= 255


@given(st.text())
def test_what_is_safe_stays_as_it_is(name: str) -> None:
    assert safe_name(safe_name(name)) == safe_name(name)


@pytest.mark.parametrize("name", ["cplex.bar_nox", "run.log", "profil-été.2", "a b"])
def test_ordinary_names_are_kept(name: str) -> None:
    assert safe_name(name) == name
