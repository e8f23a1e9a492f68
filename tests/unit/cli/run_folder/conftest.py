from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from times_doctor_cli.run_folder.model import RunDir
from times_doctor_cli.run_folder.run_dir import look

RUN_DIRS = Path(__file__).parents[3] / "data" / "run_dirs"

MakeTree = Callable[[Mapping[str, str | bytes]], Path]
Look = Callable[..., RunDir]


@pytest.fixture
def make_tree(tmp_path: Path) -> MakeTree:
    def make(files: Mapping[str, str | bytes]) -> Path:
        for name, content in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return tmp_path

    return make


@pytest.fixture
def look_at(make_tree: MakeTree) -> Look:
    """Make a tree and look at its folder `case`."""

    def run(files: Mapping[str, str | bytes], **options: object) -> RunDir:
        root = make_tree(files)
        options.setdefault("environ", {})
        return look(root / str(options.pop("at", "case")), **options)  # type: ignore[arg-type]  # the tests' own words

    return run


def names_of(run: RunDir) -> set[str]:
    return {file.name for file in run.inputs}
