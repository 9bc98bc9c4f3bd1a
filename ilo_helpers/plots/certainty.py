"""Figures of notebook 7: chance, and how sure a number is."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from . import style
from .explorer import KIND_COLORS
from .style import MODEL_COLORS, drawing, language_label

#: A level that numbers are held against.
_LEVEL = {"color": "0.4", "linestyle": ":"}
#: Intervals, from the most careful one on.
INTERVAL_COLORS = {
    "block jackknife": MODEL_COLORS[0],
    "sentence jackknife": MODEL_COLORS[1],
    "bootstrap": MODEL_COLORS[2],
}


@drawing
def chance_and_alignment(
    table: pd.DataFrame, worlds: pd.DataFrame, chance: float, title: str
) -> Figure:
    """ILO of a model by layer far below chance, and worlds that ILO cannot tell apart.

    Parameters
    ----------
    table : pandas.DataFrame
        Columns layer, ilo, low, high (the interval of ilo).
    worlds : pandas.DataFrame
        Columns world, ilo and translation (shares of the neighbours); a row a pair of bars.
    chance : float
        ILO of lists drawn at random.
    title : str

    Returns
    -------
    matplotlib.figure.Figure
    """
    fig, axes = plt.subplots(1, 2, figsize=(11, 3.8), sharey=True)
    axes[0].plot(table["layer"], table["ilo"], color="black", marker="o", label="the model")
    ends = table["layer"], table["low"], table["high"]
    axes[0].fill_between(*ends, color="0.8", label="95%, jackknife")
    for number, (column, name) in enumerate({"ilo": "mean ILO", "translation": "translations "
                                             "among the neighbours"}.items()):  # fmt: skip
        x = np.arange(len(worlds)) + (number - 0.5) * 0.4
        color = ("black", KIND_COLORS["translation"])[number]
        bars = axes[1].bar(x, worlds[column], 0.36, color=color, label=name)
        axes[1].bar_label(bars, fmt="%.2f", fontsize=8)
    for ax in axes:
        ax.axhline(chance, **_LEVEL, label="ILO of lists drawn at random")
    axes[0].set(title="a real model", ylabel="mean ILO", ylim=(0, 1.1))
    axes[1].set(title="that model, and made worlds")
    axes[1].set_xticks(range(len(worlds)), worlds["world"])
    axes[1].grid(axis="x", visible=False)
    style.whole_numbers(axes[0])
    style.legend_below(fig)
    return style.titled(fig, title)


@drawing
def before_and_after(
    panels: dict[str, pd.DataFrame], title: str, chance: dict[str, float]
) -> Figure:
    """Measures by layer before a change (a broad line) and after it (a narrow one upon it).

    Parameters
    ----------
    panels : dict of pandas.DataFrame
        By the panel's title; index layer, two columns: before and after.
    title : str
    chance : dict of str to float
        By the panel's title: what lists drawn at random would give.

    Returns
    -------
    matplotlib.figure.Figure
    """
    fig, axes = plt.subplots(1, len(panels), figsize=(3.7 * len(panels), 3.4), squeeze=False)
    for ax, (name, table) in zip(axes[0], panels.items(), strict=True):
        before, after = table.columns
        ax.plot(table[before], color="0.75", linewidth=6, solid_capstyle="round", label=before)
        ax.plot(table[after], color=MODEL_COLORS[5], marker="o", label=after)
        ax.axhline(chance[name], **_LEVEL, label="lists drawn at random")
        ax.set(title=name, ylim=(0, None))
    style.whole_numbers(*axes[0])
    style.legend_below(fig)
    return style.titled(fig, title)


@drawing
def intervals_by_layer(
    table: pd.DataFrame, differences: pd.DataFrame, peak: int, title: str
) -> Figure:
    """Intervals of mean ILO, their widths compared, and how far the peak is above each layer.

    Parameters
    ----------
    table : pandas.DataFrame
        Columns layer, method (names of :data:`INTERVAL_COLORS`, the sentence jackknife among
        them), ilo, low and high.
    differences : pandas.DataFrame
        Columns layer, difference (the peak's ILO less that layer's), low and high.
    peak : int
        The layer compared with the others.
    title : str

    Returns
    -------
    matplotlib.figure.Figure
    """
    fig, axes = plt.subplots(1, 3, figsize=(12, 3.8))
    parts = list(style.colored(table, "method", INTERVAL_COLORS))
    by = table.set_index(["method", "layer"])
    widths = by["high"] - by["low"]
    for number, (method, color, part) in enumerate(parts):
        x = part["layer"] + 0.25 * (number - (len(parts) - 1) / 2)
        look = {"color": color, "marker": ".", "linestyle": "", "label": method}
        _errorbar(axes[0], x, part, "ilo", **look)
        axes[1].plot(widths[method] / widths["sentence jackknife"], color=color, marker="o")
    _errorbar(axes[2], differences["layer"], differences, "difference",
              color=INTERVAL_COLORS[parts[0][0]], marker="o", linestyle="")  # fmt: skip
    at_peak = table.loc[table["layer"] == peak, "ilo"].iloc[0]
    axes[0].axhline(at_peak, **_LEVEL, label=f"level of layer {peak}, or no difference")
    axes[1].axhline(1, **_LEVEL)
    axes[2].axhline(0, **_LEVEL)
    axes[0].set(title="mean ILO, three 95% intervals", ylim=(0, None))
    axes[1].set(title="width, times the sentence jackknife's", ylim=(0, None))
    axes[2].set(title=f"layer {peak} less each layer")
    style.whole_numbers(*axes)
    style.legend_below(fig)
    return style.titled(fig, title)


@drawing
def coverage_dots(table: pd.DataFrame, title: str, nominal: float = 0.95) -> Figure:
    """How often intervals hold the truth: a panel a made world, a row a score.

    Parameters
    ----------
    table : pandas.DataFrame
        Columns world, score, method, holds (0 to 1) and corpora; error bars are what so many
        corpora leave open (95%, normal).
    title : str
    nominal : float
        What they promise, a line.

    Returns
    -------
    matplotlib.figure.Figure
    """
    worlds, scores = dict(list(table.groupby("world", sort=False))), table["score"].unique()
    places = {score: place for place, score in enumerate(scores)}
    size = (3.1 * len(worlds) + 1.2, 1.6 + 0.45 * len(scores))
    fig, axes = plt.subplots(1, len(worlds), figsize=size, sharey=True, sharex=True, squeeze=False)
    for ax, (world, rows) in zip(axes[0], worlds.items(), strict=True):
        for method, color, part in style.colored(rows, "method", INTERVAL_COLORS):
            half = 1.96 * (part["holds"] * (1 - part["holds"]) / part["corpora"]) ** 0.5
            y = part["score"].map(places) + 0.2 * (list(INTERVAL_COLORS).index(method) - 1)
            ax.errorbar(part["holds"], y, xerr=half, fmt="o", color=color, label=method)
        ax.axvline(nominal, **_LEVEL, label=f"promised: {nominal}")
        ax.set(title=world, xlabel="share that hold the truth", xlim=(-0.02, 1.02))
    axes[0, 0].set_yticks(range(len(scores)), [style.SCORES.get(each, each) for each in scores])
    axes[0, 0].invert_yaxis()
    style.legend_below(fig)
    return style.titled(fig, title)


@drawing
def ilo_by_size(table: pd.DataFrame, title: str) -> Figure:
    """Mean ILO by number of sentences and of languages, at several layers, and by chance.

    Parameters
    ----------
    table : pandas.DataFrame
        Columns dim (``"sentence"`` or ``"language"``), size, layer, draw, ilo and chance (ILO of
        lists drawn at random from so many). The shading spans the draws.
    title : str

    Returns
    -------
    matplotlib.figure.Figure
    """
    parts = dict(list(table.groupby("dim", sort=False)))
    fig, axes = plt.subplots(
        1, len(parts), figsize=(5 * len(parts), 3.8), sharey=True, squeeze=False
    )
    for ax, (dim, rows) in zip(axes[0], parts.items(), strict=True):
        for layer, color, part in style.colored(rows, "layer"):
            look = {"color": color, "marker": "o", "label": f"layer {layer}"}
            style.mean_line(ax, part, "size", "ilo", **look)
        ax.plot(rows.groupby("size")["chance"].first(), **_LEVEL, label="lists drawn at random")
        ax.set(xlabel=f"{dim}s", ylim=(0, 1.05))
    axes[0, 0].set_ylabel("mean ILO")
    style.legend_below(fig)
    return style.titled(fig, title)


@drawing
def orders_of_parts(table: pd.DataFrame, values: dict[str, str], title: str) -> Figure:
    """Rank correlation of the order that parts give: a dot a draw, a bar at the mean.

    Parameters
    ----------
    table : pandas.DataFrame
        Columns part and those of ``values``, rank correlations.
    values : dict
        Panel title of each column drawn.
    title : str

    Returns
    -------
    matplotlib.figure.Figure
    """
    parts = {name: place for place, name in enumerate(table["part"].unique())}
    size = (4.6 * len(values) + 1, 1.5 + 0.4 * len(parts))
    fig, axes = plt.subplots(1, len(values), figsize=size, sharey=True, squeeze=False)
    for ax, (value, name) in zip(axes[0], values.items(), strict=True):
        ax.scatter(table[value], table["part"].map(parts), color=MODEL_COLORS[0], alpha=0.5)
        means = table.groupby("part")[value].mean()
        look = {"marker": "|", "s": 260, "color": "black", "linewidths": 2}
        ax.scatter(means, means.index.map(parts), label="mean", **look)
        ax.axvline(0, **_LEVEL, label="0: orders unrelated; 1: the same order")
        ax.axvline(1, **_LEVEL)
        ax.set(title=name, xlabel="Kendall's τ", xlim=(min(-0.05, table[value].min()), 1.05))
    axes[0, 0].set_yticks(range(len(parts)), parts)
    axes[0, 0].invert_yaxis()
    style.legend_below(fig)
    return style.titled(fig, title)


@drawing
def left_out_dots(table: pd.DataFrame, half: float, title: str) -> Figure:
    """What becomes of the others when a language or a family is left out.

    Parameters
    ----------
    table : pandas.DataFrame
        Columns by (a panel for each), left_out and change.
    half : float
        Half the width of the 95% interval of what changes, shaded: changes beyond it count.
    title : str

    Returns
    -------
    matplotlib.figure.Figure
    """
    parts = dict(list(table.groupby("by", sort=False)))
    most = max(map(len, parts.values()))
    size = (5 * len(parts) + 1, 1.6 + 0.2 * most)
    fig, axes = plt.subplots(1, len(parts), figsize=size, sharex=True, squeeze=False)
    for ax, (by, part) in zip(axes[0], parts.items(), strict=True):
        part = part.sort_values("change", kind="stable")
        names = part["left_out"].map(language_label) if by == "language" else part["left_out"]
        ax.axvspan(-half, half, color="0.92", label="95% interval of mean ILO, all languages")
        ax.axvline(0, **_LEVEL, label="no change")
        ax.plot(part["change"], names, "o", color=MODEL_COLORS[0])
        ax.set(title=f"without a {by}", xlabel="change of the mean ILO of the others")
    style.legend_below(fig)
    return style.titled(fig, title)


def _errorbar(ax: Axes, x: pd.Series, table: pd.DataFrame, value: str, **look: object) -> None:
    """Values and the intervals about them."""
    error = [table[value] - table["low"], table["high"] - table[value]]
    ax.errorbar(x, table[value], yerr=error, **look)
