"""Figures of the notebook on interventions: what comes out, and what it costs, by layer."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from . import style
from .style import drawing


@drawing
def bands_by_layer(
    table: pd.DataFrame, title: str, panel: str, hue: str, levels: dict | None = None,
    label: str = "", sharey: bool = True,
) -> Figure:  # fmt: skip
    """Lines by layer with their intervals: a panel a kind of rows, a colour another.

    Lens shares (panel: the lens, hue: the language), what comes out of a patch (panel: the arm,
    hue: concept and language) and the price of an ablation (panel: the measure, hue: the arm).

    Parameters
    ----------
    table : pandas.DataFrame
        Columns layer, value, ``panel`` and ``hue``; low and high where there are intervals.
    title : str
    panel, hue : str
        Columns; values in the order they come.
    levels : dict, optional
        By panel, or by (panel, hue): a level to mark by a dotted line, of the hue's colour.
    label : str
        Of the vertical axes.
    sharey : bool
        One scale for all panels.

    Returns
    -------
    matplotlib.figure.Figure
    """
    colors = style.in_turn(table[hue])
    names = list(table[panel].unique())
    fig, axes, lowest = style.panels(len(names), 3.7, 2.9, below=0.7)
    for ax, name in zip(axes, names, strict=True):
        for kind, color, part in style.colored(table[table[panel] == name], hue, colors):
            _band(ax, part, color, kind)
            if levels and (name, kind) in levels:
                ax.axhline(levels[name, kind], color=color, linestyle=":")
        if levels and name in levels:
            ax.axhline(levels[name], color="0.4", linestyle=":")
        ax.set_title(name)
    ends = [ax.get_ylim() for ax in axes]
    for ax, (low, high) in zip(axes, ends, strict=True):
        if sharey:
            low, high = min(end[0] for end in ends), max(end[1] for end in ends)
        ax.set_ylim(min(0, low), high)
    for ax in axes[::3]:
        ax.set_ylabel(label)
    style.whole_numbers(*lowest)
    style.legend_below(fig, 2 if max(map(len, colors)) > 25 else 4)
    return style.titled(fig, title)


def _band(ax, part, color, name):
    part = part.sort_values("layer")
    ax.plot(part["layer"], part["value"], color=color, marker="o", label=name)
    if "low" in part:
        look = {"color": color, "alpha": 0.12, "linewidth": 0}
        ax.fill_between(part["layer"], part["low"], part["high"], **look)


@drawing
def does_ilo_know_where(table: pd.DataFrame, title: str) -> Figure:
    """Several measures of the same layers, one below the other, each on its own scale.

    A dashed line marks where each panel's first line is greatest, of those that have every layer.

    Parameters
    ----------
    table : pandas.DataFrame
        Columns panel, line, layer, value; low and high where there are intervals. Panels and
        lines in the order they come; a line of one name has one colour in all panels.
    title : str

    Returns
    -------
    matplotlib.figure.Figure
    """
    panels = dict(list(table.groupby("panel", sort=False)))
    size = (8.5, 1.0 + 1.55 * len(panels))
    fig, axes = plt.subplots(len(panels), 1, figsize=size, sharex=True, squeeze=False)
    for ax, (name, rows) in zip(axes[:, 0], panels.items(), strict=True):
        colors = style.in_turn(rows["line"])
        for kind, color, part in style.colored(rows, "line", colors):
            _band(ax, part, color, kind)
        first = rows[rows["line"] == rows["line"].iloc[0]]
        every = first["layer"].nunique() == table["layer"].nunique()
        if every and np.isfinite(first["value"]).any():
            peak = first.loc[first["value"].idxmax(), "layer"]
            ax.axvline(peak, color="0.4", linestyle="--", linewidth=0.8, zorder=0)
        ax.set_title(name)
        ax.set_ylim(min(0, ax.get_ylim()[0]), None)
        ax.legend(loc="center left", bbox_to_anchor=(1.01, 0.5))
    style.whole_numbers(axes[-1, 0])
    return style.titled(fig, title)


@drawing
def patch_drawn(donor: Sequence[str], receiver: Sequence[str], outcomes: dict[str, str]) -> Figure:
    """What a patch is: two prompts, a state that goes from one into the other, what may come out.

    Parameters
    ----------
    donor, receiver : sequence of str
        A prompt's last line in three parts: before the word, the word, after it.
    outcomes : dict of str
        What each cell of :data:`ilo_helpers.interventions.patching.CELLS` would be here, by name.

    Returns
    -------
    matplotlib.figure.Figure
    """
    fig, ax = plt.subplots(figsize=(8.5, 3.2))
    color = style.in_turn(pd.Series(list(outcomes)))
    for y, name, parts in ((2.6, "donor", donor), (0.9, "receiver", receiver)):
        ax.text(0, y + 0.5, f"{name}'s prompt", fontsize=9, color="0.4")
        places = ((0.0, "left", "0.2"), (3.0, "center", "#0072b2"), (3.9, "left", "0.2"))
        for (x, side, tone), part in zip(places, parts, strict=True):
            box = {"facecolor": "white", "edgecolor": tone} if side == "center" else None
            ax.text(x, y, part, ha=side, va="center", color=tone, bbox=box)
    arrow = {"arrowstyle": "-|>", "color": "#0072b2", "linewidth": 2}
    ax.annotate("", (3.0, 1.2), (3.0, 2.3), arrowprops=arrow)
    ax.text(3.2, 1.75, "the state at layer ℓ is put in,\non all tokens of the word", va="center",
            fontsize=9)  # fmt: skip
    ax.text(7.2, 3.1, "what may come out", fontsize=9, color="0.4")
    for row, (name, answer) in enumerate(outcomes.items()):
        ax.text(7.2, 2.6 - 0.62 * row, f"{answer}: {name}", color=color[name], va="center")
    ax.set(xlim=(0, 13), ylim=(0.3, 3.4))
    ax.axis("off")
    return style.titled(fig, "A patch: whose concept comes out, and in whose language?")
