from __future__ import annotations

import gzip
from pathlib import Path

from times_doctor_cli.run_folder.fingerprint import fingerprint_of
from times_doctor_cli.run_folder.run_dir import look
from times_doctor_tasks.contract.fingerprint import Fingerprint

MPS = "NAME x\nROWS\n N cost\n{rows}COLUMNS\n{columns}RHS\n RHS bal1 1\nENDATA\n"


def mps(path: Path, *, names: str = "bal flow", amount: int = 10) -> Path:
    row, column = names.split()
    text = MPS.format(
        rows="".join(f" E {row}{i}\n" for i in range(amount)),
        columns="".join(f" {column}_{i} cost 1 {row}{i} 2.5\n" for i in range(amount)),
    )
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path


def found(path: Path) -> Fingerprint:
    return fingerprint_of(look(path, environ={}))


def test_a_model_with_a_few_more_rows_is_the_same_model(tmp_path: Path) -> None:
    before = found(mps(tmp_path / "a.mps"))
    assert before.is_same(found(mps(tmp_path / "a.mps", amount=15)))
    assert not before.is_like(found(mps(tmp_path / "a.mps", amount=100)))


def test_names_tell_models_apart(tmp_path: Path) -> None:
    one = found(mps(tmp_path / "a.mps"))
    assert one.is_like(found(mps(tmp_path / "b.mps")))
    assert one.stems != found(mps(tmp_path / "b.mps", names="limit power")).stems


def test_names_are_read_in_packed_files_and_not_in_broken_ones(tmp_path: Path) -> None:
    assert found(mps(tmp_path / "a.mps.gz")).stems == found(mps(tmp_path / "b.mps")).stems
    (broken := tmp_path / "c.mps.gz").write_bytes(b"\x1f\x8bno")
    assert found(broken).stems == ()


def test_a_gams_model_is_known_by_its_files(tmp_path: Path) -> None:
    (tmp_path / "case.run").write_text("$include 'base.dd'\n$include scen_2030.dd\n")
    for name in ("base.dd", "scen_2030.dd"):
        (tmp_path / name).write_text("* data\n")
    before = found(tmp_path)
    (tmp_path / "case.run").write_text("$include 'base.dd'\n$include scen_2050.dd\n")
    (tmp_path / "scen_2030.dd").rename(tmp_path / "scen_2050.dd")
    assert before.is_same(found(tmp_path))
    assert before.kind == "gams"
    assert len(before.stems) == 3
