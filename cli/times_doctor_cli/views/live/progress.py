"""Progress of a solve in one cell: a bar if a fraction is known, else the changing figure."""

from __future__ import annotations

from rich.cells import cell_len
from rich.text import Text

from times_doctor_cli.terminal.signs import Glyphs, cut_middle
from times_doctor_cli.terminal.units import compact, rate
from times_doctor_tasks.contract.progress import Phase, Progress

#: Columns of " 100%".
_PERCENT = 5
#: A longer bar shows nothing more.
_LONGEST_BAR = 20
#: Phases in which `detail` is the best information: the file being compiled, the table being written.
_TOLD_BY_DETAIL = frozenset(
    {
        Phase.COMPILE,
        Phase.EXECUTE,
        Phase.GENERATE,
        Phase.PRESOLVE,
        Phase.SOLVE,
        Phase.CONFLICT,
        Phase.READ_BACK,
        Phase.REPORT,
    }
)


def progress_cell(look: Progress, width: int, signs: Glyphs) -> Text:
    """The progress of a running solve in at most `width` columns."""
    if look.fraction is not None:
        return _bar(look, width, signs)
    if look.phase in _TOLD_BY_DETAIL:
        return Text(cut_middle(look.detail or "", width, ellipsis=signs.ellipsis), "dim")
    return Text(_first_that_fits(_figures(look), width))


def progress_words(look: Progress) -> str:
    """The same as text, for a line of a log."""
    if look.fraction is not None:
        return f"{look.fraction:.0%}"
    if look.phase in _TOLD_BY_DETAIL:
        return look.detail or ""
    return _figures(look)[0]


def residual(look: Progress) -> str:
    """Gap or infeasibility, whichever the solver prints, in at most 10 columns."""
    if look.infeasibility and (look.gap_rel is None or look.fraction is None):
        return f"inf {compact(look.infeasibility, 2)}"
    return "" if look.gap_rel is None else f"gap {compact(look.gap_rel, 2)}"


def _bar(look: Progress, width: int, signs: Glyphs) -> Text:
    fraction = min(1.0, max(0.0, look.fraction or 0.0))
    prefix = f"#{look.solve} " if look.solve > 1 and width >= 20 else ""
    room = min(_LONGEST_BAR, width - _PERCENT - cell_len(prefix))
    full = int(fraction * room)
    bar = Text(prefix)
    bar.append(signs.bar_full * full, "cyan")
    bar.append(signs.bar_empty * (room - full), "dim")
    # 100 % only at the real end.
    bar.append(f"{int(fraction * 100):4d}%")
    return bar


def _figures(look: Progress) -> list[str]:
    """The changing figures, the most useful first."""
    values = _value_words(look)
    texts: list[str] = []
    if look.speed_per_s is not None and look.iteration is not None and look.phase is not Phase.MIP:
        speed = rate(look.speed_per_s)
        texts = [f"{value} {speed} it/s" for value in values]
    texts += values
    if look.solve > 1:
        # The number of the solve says more than the speed of one of many.
        texts = [f"solve {look.solve}: {texts[0]}", *(f"#{look.solve} {value}" for value in texts), *values]
    return [text.strip() for text in texts]


def _value_words(look: Progress) -> list[str]:
    if look.phase is Phase.MIP:
        return _mip_words(look)
    if look.infeasibility:
        value = compact(look.infeasibility, 2)
        return [f"infeas {value}", f"inf {value}"]
    if look.objective is not None:
        value = compact(look.objective)
        short = [f"obj {value}", value]
        return [f"dual obj {value}", *short] if "dual obj" in (look.detail or "") else short
    if look.iteration is not None:
        return [f"{look.iteration:,} it"]
    return [look.detail or ""]


def _mip_words(look: Progress) -> list[str]:
    """Gap and incumbent: a bar would say how much is done, which is unknown for a MIP."""
    if look.objective is None:
        nodes = "" if look.iteration is None else f", {look.iteration:,} nodes"
        return [f"no solution yet{nodes}", "no solution yet", "none yet"]
    best = compact(look.objective)
    if look.gap_rel is None:
        return [f"best {best}", best]
    gap = f"gap {100 * look.gap_rel:.2g}%" if look.gap_rel < 1 else f"gap {compact(100 * look.gap_rel, 2)}%"
    return [f"{gap}, best {best}", f"{gap} {best}", gap]


def _first_that_fits(texts: list[str], width: int) -> str:
    for text in texts:
        if cell_len(text) <= width:
            return text
    return cut_middle(texts[-1], width, ellipsis="")
