"""The output of `diagnose`: the ending and its reason, the quality of the solution, the model's scaling."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from times_doctor_cli.diagnosis.diagnose import Diagnosis
from times_doctor_cli.terminal.lines import Cell, Column, Lines, Paragraph, first_of, table_lines
from times_doctor_cli.terminal.signs import Glyphs, glyphs, printable
from times_doctor_cli.terminal.units import verdict_words
from times_doctor_tasks.contract.states import SOLVED, Verdict
from times_doctor_tasks.results.ranges import bad_parts, ratios

#: Lines shown of a conflict; `--json` has all.
MOST_LINES = 20
_COLUMNS = (Column("", 19), *(Column(title, 8, right=True) for title in ("smallest", "largest", "ratio")))


def diagnosis_view(found: Diagnosis, *, unicode: bool) -> Group:
    """One model's or run's diagnosis, nothing wider than the console."""
    signs = glyphs(unicode=unicode)
    head = Text(printable(found.name), "bold")
    if found.size:
        head.append(f": {found.size}", "not bold")
    parts: list[RenderableType] = [Paragraph(head, hanging=2), *_ending(found)]
    if found.conflict:
        parts += [Text(), Text("What takes part in the conflict", "bold")]
        parts += first_of(found.conflict, MOST_LINES, "; --json has all")
    if found.quality_sentence:
        parts += [Text(), Text("Quality", "bold"), Paragraph(found.quality_sentence, indent=2)]
    if ratios(found.ranges):
        parts += [Text(), Text("Scaling", "bold"), *_scaling(found, signs)]
    return Group(*parts)


def _ending(found: Diagnosis) -> list[RenderableType]:
    if not found.sentence:
        return [Paragraph(found.verdict.replace("_", " "), indent=2)] if found.verdict else []
    good = {verdict.value for verdict in SOLVED}
    word = verdict_words(Verdict(found.verdict)) if found.verdict in set(Verdict) else found.verdict
    sentence = printable(found.sentence)
    said = sentence if word in sentence.lower() else f"{word.capitalize()}. {sentence}"
    lines: list[RenderableType] = [Paragraph(Text(said, "green" if found.verdict in good else "red"), indent=2)]
    if found.next_step:
        lines.append(Paragraph(f"Next: {printable(found.next_step)}", indent=2))
    return lines


def _scaling(found: Diagnosis, signs: Glyphs) -> list[RenderableType]:
    parts, every = found.ranges["parts"], ratios(found.ranges)
    figures = {name: (parts[name]["min"], parts[name]["max"], ratio) for name, ratio in every.items()}
    rows = [[Cell(f"  {name}"), *(Cell(f"{value:.1e}") for value in values)] for name, values in figures.items()]
    lines: list[RenderableType] = [Lines(table_lines(_COLUMNS, rows, ellipsis=signs.ellipsis))]
    if found.scaling_sentence:
        lines.append(Paragraph(Text(printable(found.scaling_sentence), "yellow"), indent=2))
    if bad_parts(found.ranges) and found.ranges.get("quadratic") is False:
        lines.append(Paragraph("Next: a scan runs profile `scaled` too, and measures what it changes.", indent=2))
    worst = bad_parts(found.ranges) or [max(every, key=lambda name: every[name])]
    for name in worst:
        lines += _worst(name, parts[name])
    return lines


def _worst(name: str, part: Mapping[str, Any]) -> list[RenderableType]:
    """Names of the entries at both ends, if a model file gave them."""
    entries = part.get("worst", ())
    if not entries:
        return []
    shown: list[RenderableType] = [Text(f"  {name}: the smallest and the largest values", "dim")]
    return shown + [
        Paragraph(f"{each['value']:>10.2e}  {printable(each['name'])}", indent=2, hanging=12) for each in entries
    ]
