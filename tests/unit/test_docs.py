from __future__ import annotations

import re
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("page", ["docs/ARCHITECTURE.md", "docs/glossary.md"])
def test_every_path_that_a_page_names_exists(page: str) -> None:
    named = re.findall(r"`((?:cli|tasks|worker|tools|docs|tests)/[^`\s]*)`", (TOP / page).read_text("utf-8"))
    assert named
    assert [path for path in named if not (TOP / path).exists()] == []


def test_architecture_lists_the_files_of_each_journey() -> None:
    page = (TOP / "docs/ARCHITECTURE.md").read_text("utf-8")
    files = re.findall(r'^  "(.+\.py)",$', (TOP / "tools/journeys.toml").read_text("utf-8"), re.MULTILINE)
    assert files
    assert [file for file in files if f"`{file}`" not in page] == []
