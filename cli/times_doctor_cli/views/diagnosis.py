"""What `diagnose` shows: how it ended and why, how good the solution is, how the model is scaled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from times_doctor_cli.diagnosis.diagnose import Diagnosis
from times_doctor_cli.terminal.lines import Cell, Column, Lines, Paragraph, header_of, row_of
from times_doctor_cli.terminal.signs import Glyphs, glyphs, printable
from times_doctor_cli.terminal.units import verdict_words
from times_doctor_tasks.contract.states import SOLVED, Verdict
from times_doctor_tasks.results.ranges import bad_parts, ratios

#: Lines shown of a conflict; `--json` has all.
MOST_LINES = 20
_COLUMNS = (Column("", 19), Column("smallest", 8, right=True), Column("largest", 8, right=True))
_RATIO = Column("ratio", 8, right=True)


def diagnosis_view(found: Diagnosis, *, unicode: bool) -> Group:
    """One model's or run's diagnosis, nothing wider than the console."""
    signs = glyphs(unicode=unicode)
    head = Text(printable(found.name), "bold")
    if found.size:
        head.append(f": {found.size}", "not bold")
    parts: list[RenderableType] = [Paragraph(head, hanging=2), *_ending(found)]
    if found.conflict:
        parts += [Text(), Text("What takes part in the conflict", "bold"), *_lines(found.conflict)]
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
    parts, every, columns = found.ranges["parts"], ratios(found.ranges), (*_COLUMNS, _RATIO)
    rows = [
        row_of(
            columns,
            [
                Cell(f"  {name}"),
                Cell(f"{parts[name]['min']:.1e}"),
                Cell(f"{parts[name]['max']:.1e}"),
                Cell(f"{ratio:.1e}"),
            ],
            ellipsis=signs.ellipsis,
        )
        for name, ratio in every.items()
    ]
    lines: list[RenderableType] = [Lines([header_of(columns, ellipsis=signs.ellipsis), *rows])]
    if found.scaling_sentence:
        lines.append(Paragraph(Text(printable(found.scaling_sentence), "yellow"), indent=2))
    if bad_parts(found.ranges) and found.ranges.get("quadratic") is False:
        lines.append(Paragraph("Next: a scan runs profile `scaled` too, and measures what it changes.", indent=2))
    worst = bad_parts(found.ranges) or [max(every, key=lambda name: every[name])]
    for name in worst:
        lines += _worst(name, parts[name])
    return lines


def _worst(name: str, part: Mapping[str, Any]) -> list[RenderableType]:
    """Names of the entries at both ends, where a model file gave them."""
    entries = part.get("worst", ())
    if not entries:
        return []
    shown: list[RenderableType] = [Text(f"  {name}: the smallest and the largest values", "dim")]
    return shown + [
        Paragraph(f"{each['value']:>10.2e}  {printable(each['name'])}", indent=2, hanging=12) for each in entries
    ]


def _lines(lines: Sequence[str]) -> list[RenderableType]:
    shown: list[RenderableType] = [Paragraph(printable(line), indent=2, hanging=2) for line in lines[:MOST_LINES]]
    if len(lines) > MOST_LINES:
        shown.append(Text(f"  and {len(lines) - MOST_LINES} more; --json has all", "dim"))
    return shown
