"""Figures of notebook 11: what became of every claim, and all figures on one sheet."""

import io
import math
import textwrap

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from ..keep.figures import png
from . import style
from .style import drawing

#: Colour and sign of each verdict: Okabe-Ito, and grey for what was not tested.
VERDICTS = {
    "reproduced": ("#009E73", "="), "in kind": ("#56B4E9", "≈"), "contradicted": ("#D55E00", "×"),
    "could not be tested here": ("#BBBBBB", "?"),
}  # fmt: skip

#: Cells of a claim in one line.
CELLS = 4


@drawing
def verdict_board(table: pd.DataFrame, title: str) -> Figure:
    """Every claim with its numbers: a cell a finding, coloured by its verdict.

    Below a number stand its setting and as much of the reason as has room, three lines in all.

    Parameters
    ----------
    table : pandas.DataFrame
        Columns figure, claim, number and interval (what they are), setting, verdict, value, low,
        high and why, as :func:`ilo_helpers.validity.verdicts.verdicts` returns them; rows of one
        claim follow each other.
    title : str

    Returns
    -------
    matplotlib.figure.Figure
    """
    claims, row = list(table.groupby(["figure", "claim", "number"], sort=False)), 0
    rows = sum(math.ceil(len(part) / CELLS) for _, part in claims)
    fig, ax = plt.subplots(figsize=(14, 1.2 + 0.72 * rows))
    for (figure, claim, number), part in claims:
        told = f"{number}; interval: {part['interval'].iloc[0]}" if number != "none" else ""
        ax.text(0, row, figure, va="center", fontsize=11)
        ax.text(0.5, row - 0.05, textwrap.fill(claim, 70), va="bottom", fontsize=10)
        ax.text(0.5, row, textwrap.fill(told, 80), va="top", fontsize=8.5, color="0.25")
        findings = list(part.itertuples())
        for places in np.array_split(np.arange(len(part)), math.ceil(len(part) / CELLS)):
            _line(ax, row, [findings[place] for place in places])
            row += 1
    for place, verdict in enumerate(VERDICTS):
        _cell(ax, (3.5 * place, 3.5 * place + 3.5, rows + 0.1), verdict, verdict, "")
    ax.set(xlim=(0, 14), ylim=(rows + 0.6, -0.5))
    ax.axis("off")
    return style.titled(fig, title)


def _line(ax, row, findings):
    """Cells side by side."""
    edges = np.linspace(6, 14, len(findings) + 1)
    for left, right, finding in zip(edges, edges[1:], findings, strict=False):
        wide = int(16 * (right - left))  # letters in a line
        below = textwrap.wrap(finding.setting, wide)
        room = max(1, 3 - len(below))
        below += textwrap.wrap(finding.why, wide, max_lines=room, placeholder=" …")
        _cell(ax, (left, right, row), finding.verdict, _told(finding), "\n".join(below))


def _cell(ax, place, verdict, told, below):
    """A box of the verdict's colour, with its sign, a number, and lines below it."""
    (left, right, row), (color, sign) = place, VERDICTS[verdict]
    ax.barh(row, right - left - 0.06, 0.92, left, align="center", color=color, alpha=0.5)
    middle, look = (left + right) / 2 - 0.03, {"ha": "center", "va": "center"}
    size = min(10, 120 * (right - left) / (len(told) + 2))  # so that it stays in its box
    ax.text(middle, row - 0.28 * bool(below), f"{sign} {told}", fontsize=size, **look)
    ax.text(middle, row + 0.15, below, fontsize=8, color="0.2", **look)


def _told(finding):
    """A number with its interval, to as many places as tell its ends from it."""
    numbers = [each for each in (finding.value, finding.low, finding.high) if np.isfinite(each)]
    if not numbers:
        return "no number"
    size = max(map(abs, numbers))
    places = 3 if size < 0.1 else 2 if size < 10 else 1
    if len({f"{number:.{places}f}" for number in numbers}) < len(numbers):
        places += 1
    value, *ends = (f"{number:z.{places}f}".replace("-", "−") for number in numbers)
    return f"{value} ({ends[0]} to {ends[1]})" if ends else f"{value}, no interval"


@drawing
def contact_sheet(figures: dict[str, Figure], columns: int = 2) -> Figure:
    """Pictures of figures in columns as wide as the widest, each where it is shortest so far.

    All are drawn to one scale, so that their letters are of one size.

    Parameters
    ----------
    figures : dict of matplotlib.figure.Figure
        By name; the pictures have their titles.
    columns : int

    Returns
    -------
    matplotlib.figure.Figure
    """
    dots, gap = 160, 30  # dots an inch of the sheet, and between pictures
    pictures = {name: plt.imread(io.BytesIO(png(fig, dpi=88))) for name, fig in figures.items()}
    width = max(picture.shape[1] for picture in pictures.values()) + gap
    ends, places = np.zeros(columns), {}
    for name, picture in pictures.items():
        column = int(ends.argmin())
        places[name] = width * column, ends[column]
        ends[column] += picture.shape[0] + gap
    total = np.array([width * columns, ends.max()])
    fig = plt.figure(figsize=total / dots)
    fig.set_layout_engine("none")  # after its own: a figure without one gets it back when saved
    for name, (left, top) in places.items():
        height, wide = pictures[name].shape[:2]
        box = (left, total[1] - top - height, wide, height)
        ax = fig.add_axes(np.divide(box, [*total] * 2))
        ax.imshow(pictures[name], aspect="auto", interpolation="antialiased")
        ax.axis("off")
    return fig
