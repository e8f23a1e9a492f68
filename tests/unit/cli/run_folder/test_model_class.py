"""The class that a model file's text says, beside the one that HiGHS reads from it."""

from __future__ import annotations

import gzip
import importlib
import re
from pathlib import Path
from typing import Any

import pytest

from times_doctor_cli.run_folder import model_class
from times_doctor_cli.run_folder.errors import DecimalComma, MisreadObjective
from times_doctor_cli.run_folder.model_class import model_class_of
from times_doctor_tasks.profiles.profile import ModelClass

LP, MIP, QP, MIQP = ModelClass.LP, ModelClass.MIP, ModelClass.QP, ModelClass.MIQP

highspy: Any = importlib.import_module("highspy")
OPEN = "    MARKER 'MARKER' 'INTORG'\n"
CLOSE = "    MARKER 'MARKER' 'INTEND'\n"
MPS_COLUMNS = {
    "plain": ("", "", LP),
    "a pair of markers round a column": (OPEN, CLOSE, MIP),
    "a pair of markers round nothing": (OPEN + CLOSE, "", LP),
    "a marker never closed": ("", OPEN, MIP),
    "markers in a comment": ("* 'MARKER' 'INTORG'\n", "", LP),
    "a column with the name of a bound type": ("    BV obj 1 c1 1\n", "", LP),
}
MPS_REST = {
    "no bounds": ("", LP),
    "binary": ("BOUNDS\n BV BND x\n", MIP),
    "integer lower bound": ("BOUNDS\n LI BND x 1\n", MIP),
    "integer upper bound": ("BOUNDS\n UI BND x 4\n", MIP),
    "semi-continuous": ("BOUNDS\n SC BND x 4\n", MIP),
    "free": ("BOUNDS\n FR BND x\n", LP),
    "squares": ("QUADOBJ\n    x x 2\n", QP),
    "squares of the whole matrix": ("QMATRIX\n    x x 2\n", QP),
    "squares named by row": ("QSECTION obj\n    x x 2\n", QP),
    "no squares": ("QUADOBJ\n", LP),
    "binary and squares": ("BOUNDS\n BV BND x\nQUADOBJ\n    x x 2\n", MIQP),
}
LP_TAILS = {
    "nothing": ("", LP),
    "nothing in the section": ("general\n", LP),
    "two empty sections": ("general\nbinary\n", LP),
    "only bounds": ("bounds\n x <= 4\n", LP),
    "a comment": ("\\ general x\n", LP),
    **{
        f"{word}, {where}": (f"{word}{gap}x\n", MIP)
        for word in ("general", "Generals", "gen", "INTEGER", "integers", "binary", "binaries", "bin")
        for where, gap in (("names below", "\n "), ("names beside", " "), ("a blank line", "\r\n\r\n  "))
    },
    **{f"{word} section": (f"bounds\n x <= 4\n{word}\n x\n", MIP) for word in ("semi-continuous", "semi", "semis")},
}
LP_OBJECTIVES = {
    "linear": ("x + y", LP),
    "squares": ("x + [ x^2 + 2 x*y ]/2", QP),
    "squares without spaces": ("x +[x^2]/2", QP),
    "a bracket in a comment": ("x + y \\ [ x^2 ]", LP),
}


def mps(before: str = "", after: str = "", rest: str = "") -> str:
    return (
        f"NAME t\nROWS\n N obj\n G c1\nCOLUMNS\n{before}    x obj 1 c1 1\n{after}    y obj 1 c1 1\n"
        f"RHS\n    RHS c1 1\n{rest}ENDATA\n"
    )


def lp(objective: str = "x + y", tail: str = "") -> str:
    return f"min\n obj: {objective}\nst\n c1: x + y >= 1\n{tail}end\n"


CASES = {
    **{f"mps columns: {name}": ("m.mps", mps(a, b), c) for name, (a, b, c) in MPS_COLUMNS.items()},
    **{f"mps: {name}": ("m.mps", mps(rest=rest), c) for name, (rest, c) in MPS_REST.items()},
    **{f"lp: {name}": ("m.lp", lp(tail=tail), c) for name, (tail, c) in LP_TAILS.items()},
    **{f"lp objective: {name}": ("m.lp", lp(objective), c) for name, (objective, c) in LP_OBJECTIVES.items()},
}


def class_that_highs_reads(path: Path) -> ModelClass:
    highs = highspy.Highs()
    highs.silent()
    highs.readModel(str(path))
    model = highs.getModel()
    continuous = highspy.HighsVarType.kContinuous
    return ModelClass.of(
        integer=any(kind != continuous for kind in model.lp_.integrality_), quadratic=model.hessian_.dim_ > 0
    )


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("chunk_bytes", [1, 7, 8 * 1024**2])
def test_the_class_of_a_file_is_read_whatever_the_size_of_the_chunks(
    case: str, chunk_bytes: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, text, expected = CASES[case]
    path = tmp_path / name
    path.write_text(text)
    monkeypatch.setattr(model_class, "_CHUNK_BYTES", chunk_bytes)
    assert model_class_of(path) is expected


@pytest.mark.parametrize("case", [name for name in CASES if "named by row" not in name or "comment" not in name])
def test_the_class_is_the_one_that_highs_reads(case: str, tmp_path: Path) -> None:
    name, text, expected = CASES[case]
    path = tmp_path / name
    path.write_text(text)
    assert class_that_highs_reads(path) is expected


@pytest.mark.parametrize("filling", [b"\0", b"\n", b" "])
@pytest.mark.parametrize("name", ["m.lp", "m.mps"])
def test_a_file_without_lines_does_not_fill_the_memory(
    name: str, filling: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_class, "_CHUNK_BYTES", 1_000)
    monkeypatch.setattr(model_class, "_MOST_LINE_BYTES", 1_000)
    path = tmp_path / name
    path.write_bytes(filling * 100_000)
    with path.open("rb") as file:
        assert max(map(len, model_class._chunks(file))) <= 10_000
    assert model_class_of(path) is ModelClass.LP


def test_a_compressed_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "m.mps.gz"
    path.write_bytes(gzip.compress(mps(OPEN, CLOSE).encode()))
    assert model_class_of(path) is MIP


@pytest.mark.parametrize("content", [b"no gzip at all", gzip.compress(mps(OPEN, CLOSE).encode(), mtime=0)[:40]])
def test_a_file_that_cannot_be_unpacked_is_left_to_highs(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "m.mps.gz"
    path.write_bytes(content)
    assert model_class_of(path) is LP


@pytest.mark.parametrize(
    ("part", "number"),
    [
        ({"after": "    z obj 1,5 c1 1\n"}, "1,5"),
        ({"after": "    z obj 1 c1 -2,50e-3\r\n"}, "-2,50e-3"),
        ({"rest": "BOUNDS\n UP BND x 1,000.5\n"}, "1,000.5"),
    ],
)
def test_numbers_with_a_comma_are_refused(part: dict[str, str], number: str, tmp_path: Path) -> None:
    path = tmp_path / "m.mps"
    path.write_text(mps(**part))
    with pytest.raises(DecimalComma, match=re.escape(number)):
        model_class_of(path)


def test_names_may_have_commas(tmp_path: Path) -> None:
    path = tmp_path / "m.mps"
    path.write_text(mps(after="    z(1,2) obj 1 c1(3,4) 1\n", rest="BOUNDS\n FR BND z(1,2)\n"))
    assert model_class_of(path) is LP


_HEAD = "NAME T\n{}ROWS\n N cost\n N other\n L lim\nCOLUMNS\n x cost 1 lim 1\n x other 2\nRHS\n RHS lim 4\nENDATA\n"


@pytest.mark.parametrize(
    ("head", "said"),
    [
        ("OBJSENSE MAXIMIZE\n", "OBJSENSE MAXIMIZE"),
        ("OBJSENSE\tMAXIMUM\r\n", "OBJSENSE\tMAXIMUM"),
        ("objsense maximize\n", "OBJSENSE maximize"),
        ("MAX\n", "MAX"),
        ("OBJNAME\n other\n", "OBJNAME other"),
        ("OBJNAME other\n", "OBJNAME other"),
    ],
)
def test_an_objective_that_highs_passes_over_is_refused(head: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "model.mps"
    path.write_bytes(_HEAD.format(head).encode())
    with pytest.raises(MisreadObjective, match=re.escape(repr(said))):
        model_class_of(path)
    highs = highspy.Highs()
    highs.setOptionValue("output_flag", False)
    assert highs.readModel(str(path)) != highspy.HighsStatus.kError
    assert highs.getLp().sense_ == highspy.ObjSense.kMinimize
    assert list(highs.getLp().col_cost_) == [1.0]


@pytest.mark.parametrize(
    "head",
    [
        "OBJSENSE\n MAX\n", "OBJSENSE\n MAXIMIZE\n", "OBJSENSE MAX\n", "OBJSENSE max\r\n", "OBJSENSE\n* why\n    MAX\n",
        "OBJSENSE MINIMIZE\n", "OBJNAME\n cost\n", "",
    ],
)  # fmt: skip
def test_an_objective_that_highs_reads_is_taken(head: str, tmp_path: Path) -> None:
    path = tmp_path / "model.mps"
    path.write_bytes(_HEAD.format(head).encode())
    assert model_class_of(path) is ModelClass.LP
    highs = highspy.Highs()
    highs.setOptionValue("output_flag", False)
    highs.readModel(str(path))
    assert (highs.getLp().sense_ == highspy.ObjSense.kMaximize) == ("max" in head.lower())
