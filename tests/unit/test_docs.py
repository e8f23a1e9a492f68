"""What README and docs tell people to type is understood by the program of today."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer.main
from tools.house import read_journeys

import times_doctor_cli
from times_doctor_cli.main import COMMANDS, make_app
from times_doctor_tasks.contract.messages import Recommendation

TOP = Path(__file__).parents[2]
PAGES = [*(TOP / f"{name}.md" for name in ("README", "CONTRIBUTING", "SECURITY")), *sorted((TOP / "docs").glob("*.md"))]
_FENCED = re.compile(r"^```\w*\n(.*?)^```", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"`(times-doctor [^`\n]+)`")
#: Up to what a shell takes for itself, a remark, or an alternative.
_COMMAND = re.compile(r"(?:^|[/ ;])times-doctor[ \t]+([a-z](?:(?!\s{3}|\s[#>|;]|;).)*)", re.MULTILINE)


def commands_of(page: Path) -> Iterator[str]:
    text = page.read_text("utf-8")
    for block in [*_FENCED.findall(text), *_INLINE.findall(_FENCED.sub("", text))]:
        yield from (found.strip() for found in _COMMAND.findall(block))


TYPED = sorted({command for page in PAGES for command in commands_of(page)})


def test_the_pages_have_commands_to_check() -> None:
    assert len(TYPED) > 20


@pytest.mark.parametrize("command", TYPED)
def test_each_command_of_the_pages_is_understood(command: str) -> None:
    name, *words = shlex.split(command.replace("\\", "\\\\"))
    assert name in COMMANDS
    if not words:
        return  # its name alone, in a sentence
    app = typer.main.get_command(make_app([name, "check"]))  # of one command alone Typer makes no group
    with app.make_context("times-doctor", [name, *words]) as context:
        found = app.get_command(context, name)  # type: ignore[attr-defined]
        found.make_context(name, words, parent=context)


def test_the_python_example_uses_names_that_are_there() -> None:
    (example,) = re.findall(r"^```python\n(.*?)^```", (TOP / "README.md").read_text("utf-8"), re.MULTILINE | re.DOTALL)
    tree = ast.parse(example)
    names = [a.name for n in ast.walk(tree) if isinstance(n, ast.ImportFrom) and n.module != "pathlib" for a in n.names]
    assert names
    assert [name for name in names if not hasattr(times_doctor_cli, name)] == []
    (request,) = [n for n in ast.walk(tree) if isinstance(n, ast.Call) and ast.unparse(n.func) == "ScanRequest"]
    eval(ast.unparse(request), {"ScanRequest": times_doctor_cli.ScanRequest, "Path": Path})
    assert {n.attr for n in ast.walk(tree) if isinstance(n, ast.Attribute)} <= {
        "report",
        "recommendation",
        "profile",
        "reasons",
    }
    assert {"profile", "reasons"} <= set(Recommendation.__struct_fields__)


def test_the_architecture_names_the_files_of_each_journey_in_their_order() -> None:
    page = (TOP / "docs" / "ARCHITECTURE.md").read_text("utf-8")
    for journey in read_journeys(TOP / "tools" / "journeys.toml"):
        part = page.partition(f"\n{journey.name.capitalize().replace('csv', 'CSV')}:\n\n```")[2].partition("```")[0]
        named = re.findall(r"[\w/]+/\w+", part)
        assert named == ["/".join(Path(file).with_suffix("").parts[2:]) for file in journey.files], journey.name


def test_nothing_is_installed_by_name_from_an_index_that_does_not_have_it() -> None:
    product = [path for room in ("cli", "tasks", "worker") for path in (TOP / room).rglob("*.py")]
    by_name = re.compile(r"pip install (?:-\S+ )*'?times-doctor\b")
    assert [path.name for path in [*PAGES, *product] if by_name.search(path.read_text("utf-8"))] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_each_link_of_a_page_leads_to_a_file(page: Path) -> None:
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text("utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []
