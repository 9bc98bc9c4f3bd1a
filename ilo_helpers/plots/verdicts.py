"""Figures of notebook 9: what became of every claim, and all figures on one sheet."""

import io
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


@drawing
def verdict_board(table: pd.DataFrame, title: str) -> Figure:
    """Every claim with its numbers: a row a claim, a cell a finding, coloured by its verdict.

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
    claims = list(table.groupby(["figure", "claim", "number"], sort=False))
    fig, ax = plt.subplots(figsize=(12, 1.2 + 0.4 * len(claims)))
    for row, ((figure, claim, number), part) in enumerate(claims):
        told = f"{number}; interval: {part['interval'].iloc[0]}" if number != "none" else ""
        ax.text(0, row, figure, va="center", fontsize=11)
        ax.text(0.5, row - 0.17, claim, va="center", fontsize=9)
        ax.text(0.5, row + 0.2, told, va="center", fontsize=7, color="0.35")
        edges = np.linspace(5.4, 12, len(part) + 1)
        for left, right, finding in zip(edges, edges[1:], part.itertuples(), strict=False):
            below = finding.setting or textwrap.shorten(finding.why, 75, placeholder=" …")
            size = 8 if len(part) < 4 else 6.5
            _cell(ax, (left, right, row), finding.verdict, _told(finding), below, size)
    for place, verdict in enumerate(VERDICTS):
        _cell(ax, (3 * place, 3 * place + 3, len(claims) + 0.3), verdict, verdict, "", 9)
    ax.set(xlim=(0, 12), ylim=(len(claims) + 0.8, -0.5))
    ax.axis("off")
    return style.titled(fig, title)


def _cell(ax, place, verdict, told, below, size):
    """A box of the verdict's colour, with its sign, a number, and a line below it."""
    (left, right, row), (color, sign) = place, VERDICTS[verdict]
    ax.barh(row, right - left - 0.06, 0.88, left, align="center", color=color, alpha=0.5)
    middle, look = (left + right) / 2 - 0.03, {"ha": "center", "va": "center"}
    ax.text(middle, row - 0.17 * bool(below), f"{sign} {told}", fontsize=size, **look)
    ax.text(middle, row + 0.2, below, fontsize=0.85 * size, color="0.25", **look)


def _told(finding):
    """A number with its interval, to as many places as its size asks for."""
    numbers = [each for each in (finding.value, finding.low, finding.high) if np.isfinite(each)]
    if not numbers:
        return "no number"
    size = max(map(abs, numbers))
    places = 3 if size < 0.1 else 2 if size < 10 else 1
    value, *ends = (f"{number:.{places}f}".replace("-", "−") for number in numbers)
    return f"{value} ({ends[0]} to {ends[1]})" if ends else f"{value}, no interval"


@drawing
def contact_sheet(figures: dict[str, Figure], columns: int = 2) -> Figure:
    """Pictures of figures below each other, each in the column that is shortest so far.

    Parameters
    ----------
    figures : dict of matplotlib.figure.Figure
        By name; the pictures have their titles.
    columns : int

    Returns
    -------
    matplotlib.figure.Figure
    """
    width, gap = 6.0, 0.25  # inches
    pictures = {name: plt.imread(io.BytesIO(png(fig, dpi=110))) for name, fig in figures.items()}
    ends, places = np.zeros(columns), {}
    for name, picture in pictures.items():
        column = int(ends.argmin())
        height = width * picture.shape[0] / picture.shape[1]
        places[name] = column, ends[column], height
        ends[column] += height + gap
    total = ends.max()
    fig = plt.figure(figsize=((width + gap) * columns, total))
    fig.set_layout_engine("none")  # after its own: a figure without one gets it back when saved
    for name, (column, top, height) in places.items():
        box = ((width + gap) * column, total - top - height, width, height)
        ax = fig.add_axes(np.divide(box, [*fig.get_size_inches()] * 2))
        ax.imshow(pictures[name], aspect="auto", interpolation="antialiased")
        ax.axis("off")
    return fig
