"""Which files of the repository are pages of the site, and how their links read there."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

HERE = Path(__file__).resolve().parent
TOP = HERE.parents[1]
DOCS = TOP / "docs"
#: Pages from outside docs/, by their file, under the names that they have on the site.
ELSEWHERE = {
    TOP / "README.md": "index.md",
    TOP / "SECURITY.md": "security.md",
    TOP / "CHANGELOG.md": "changelog.md",
    TOP / "CONTRIBUTING.md": "contributing.md",
    TOP / "benchmarks" / "README.md": "benchmark_scripts.md",
}
#: `[text](target)` and `![text](target)`.
LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^)\s]+)\)")


def pages() -> dict[Path, str]:
    """Each page's file, and its path on the site."""
    own = {path: path.relative_to(DOCS).as_posix() for path in sorted(DOCS.rglob("*.md"))}
    return {path: name for path, name in {**own, **ELSEWHERE}.items() if path.is_file()}


def staged(source: Path, where: Mapping[Path, str]) -> str:
    """A page as the site has it: its links lead to pages, and what is no page stays as words."""
    text = source.read_text("utf-8")
    if source == TOP / "README.md":
        text += "\n" + (HERE / "index.md").read_text("utf-8")
    here = Path(where[source]).parent

    def link(found: re.Match[str]) -> str:
        sign, words, target = found.groups()
        if re.match(r"[a-z]+:|#", target):
            return found[0]
        path, mark, heading = target.partition("#")
        full = Path(os.path.normpath(source.parent / path))
        if sign:
            return f"![{words}]({os.path.relpath(full.relative_to(DOCS), here)})"
        page = "adr/index.md" if full == DOCS / "adr" else where.get(full)
        return f"[{words}]({os.path.relpath(page, here)}{mark}{heading})" if page else words

    return LINK.sub(link, text)


def external_links() -> dict[str, list[str]]:
    """Each address outside the repository that a page links to, with the pages that do; nothing is fetched."""
    found: dict[str, list[str]] = {}
    for source in pages():
        text = source.read_text("utf-8")
        for address in re.findall(r"https?://[^\s)>\"'`|]+", text):
            found.setdefault(address.rstrip(".,;:"), []).append(source.relative_to(TOP).as_posix())
    return {address: sorted(set(names)) for address, names in sorted(found.items())}
