from __future__ import annotations

import re
from pathlib import Path

import pytest
from tools.website.generated import configuration_page, profiles_page
from tools.website.pages import LINK, TOP, external_links, pages, staged

from times_doctor_tasks.config.settings import SETTINGS
from times_doctor_tasks.profiles.registry import built_in_profiles

WHERE = pages()


@pytest.mark.parametrize("source", WHERE, ids=lambda path: path.name)
def test_each_link_of_a_page_leads_to_a_page_or_a_picture_of_the_site(source: Path) -> None:
    here = (Path("/site") / WHERE[source]).parent
    there = {Path("/site") / name for name in WHERE.values()}
    there |= {Path("/site/images") / path.name for path in (TOP / "docs" / "images").iterdir()}
    text = re.sub(r"^```.*?^```|`[^`\n]*`", "", staged(source, WHERE), flags=re.MULTILINE | re.DOTALL)
    targets = [target.partition("#")[0] for _, _, target in LINK.findall(text) if not re.match(r"[a-z]+:|#", target)]
    assert [target for target in targets if Path(f"{here}/{target}").resolve() not in there] == []


def test_the_index_names_every_page_once() -> None:
    index = (TOP / "tools" / "website" / "index.md").read_text("utf-8")
    named = re.findall(r"^(?!:)([\w/]+)$", index, re.MULTILINE)
    made = ["commands", "configuration", "profiles", "python"]
    own = [name.removesuffix(".md") for name in WHERE.values() if not name.startswith("adr/") and name != "index.md"]
    assert sorted(named) == sorted([*own, *made, "adr/index"])


def test_every_setting_is_in_the_reference_with_what_it_is_for() -> None:
    page = configuration_page()
    for setting in SETTINGS:
        part = page.partition(f"\n## {setting.name}\n\n")[2].partition("\n## ")[0]
        assert setting.variable in part
        assert part.lstrip()[0].isupper(), f"{setting.name} of Settings has no docstring"


def test_every_built_in_profile_is_in_the_reference() -> None:
    assert profiles_page().count("\n### ") == len(built_in_profiles(engine=None))


def test_links_to_other_sites_are_told_apart_from_examples() -> None:
    assert "https://github.com/dlg0/times-doctor" in external_links()
