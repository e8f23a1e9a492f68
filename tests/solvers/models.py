"""Small models with known answers, and large ones that take long or are beyond a free licence."""

from __future__ import annotations

import random
from pathlib import Path

LP = "Minimize\n cost: 2 x + 3 y\nSubject To\n need: x + y >= 4\n most: x <= 3\nEnd\n"
MIP = "Maximize\n gain: 3 x + 2 y\nSubject To\n most: 2 x + 2 y <= 9\nBounds\n x <= 3\nGeneral\n x y\nEnd\n"
INFEASIBLE = "Minimize\n cost: x + y\nSubject To\n need: x + y >= 4\n most: x + y <= 3\nEnd\n"
UNBOUNDED = "Minimize\n cost: - x - y\nSubject To\n tie: x - y <= 3\nEnd\n"


def market_split(folder: Path, *, rows: int = 5, columns: int = 40, seed: int = 1) -> Path:
    """A MIP that no solver ends within a minute (Cornuejols, Dawande 1999): its bound stays at 0."""
    draw = random.Random(seed)
    lines = ["Minimize", " off: " + " + ".join(f"s{r} + t{r}" for r in range(rows)), "Subject To"]
    for r in range(rows):
        weights = [draw.randrange(100) for _ in range(columns)]
        sum_ = " + ".join(f"{weight} x{c}" for c, weight in enumerate(weights))
        lines.append(f" r{r}: {sum_} + s{r} - t{r} = {sum(weights) // 2}")
    lines += ["Binary", *(f" x{c}" for c in range(columns)), "End"]
    path = folder / "split.lp"
    path.write_text("\n".join(lines) + "\n")
    return path


def dense_lp(folder: Path, *, size: int = 900, seed: int = 1) -> Path:
    """An LP of which every entry is there: a simplex works on it for many seconds."""
    draw = random.Random(seed)
    lines = ["Maximize", " gain: " + "\n + ".join(f"{draw.uniform(1, 2):.6f} x{c}" for c in range(size)), "Subject To"]
    lines += [f" r{r}: {_signed(draw, size)} <= 1000" for r in range(size)]
    path = folder / "dense.lp"
    path.write_text("\n".join([*lines, "Bounds", *(f" x{c} <= 1000" for c in range(size)), "End"]) + "\n")
    return path


def _signed(draw: random.Random, size: int) -> str:
    return "\n ".join(f"{draw.uniform(-1, 1):+.6f} x{c}" for c in range(size))


def beyond(folder: Path, columns: int) -> Path:
    """An LP of so many columns."""
    terms = "\n + ".join(f"x{n}" for n in range(columns))
    path = folder / "beyond.lp"
    path.write_text(f"Minimize\n c: {terms}\nSubject To\n r: {terms} >= 1\nEnd\n")
    return path
