"""The explorer as a figure, for where no kernel runs; and the toy in the plane."""

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from . import style
from .maps import dots
from .style import MODEL_COLORS, drawing

#: What a neighbour is: the sentence's own language, its translation, something else.
KIND_COLORS = {"own": "#999999", "translation": "#009E73", "other": "#D55E00"}
#: The three languages of the toy, told apart by form as well.
TOY_LOOKS = {"A": ("#0072B2", "o"), "B": ("#E69F00", "s"), "C": ("#009E73", "^")}


@drawing
def explorer_figure(
    curves: Mapping[str, pd.DataFrame], grid: pd.DataFrame, points: pd.DataFrame, hue: str,
    colors: dict, setting: Mapping[str, int], title: str,
) -> Figure:  # fmt: skip
    """Curves by layer, the k × τ heat map and the map of one setting.

    Parameters
    ----------
    curves : dict of pandas.DataFrame
        One or two settings by name, the one shown first: index layer; ilo, low, high, bridge,
        reach, chance and P@1.
    grid : pandas.DataFrame
        Mean ILO at the layer; rows k, columns τ; NaN is left white.
    points : pandas.DataFrame
        x, y and group of each sentence.
    hue : str
        What the groups are.
    colors : dict
        Colour of each group.
    setting : dict
        layer, k and tau.
    title : str

    Returns
    -------
    matplotlib.figure.Figure
    """
    fig, (left, middle, right) = plt.subplots(
        1, 3, figsize=(12.5, 4.6), width_ratios=[1.5, 0.8, 1.2]
    )
    names = {"ilo": "ILO", "bridge": "bridge B", "reach": "reach R", "P@1": "P@1"}
    shades = dict(zip(names, ("black", *MODEL_COLORS[:3]), strict=True))
    for dash, (which, table) in zip(("-", ":"), curves.items(), strict=False):
        for column, name in names.items() if dash == "-" else [("ilo", "ILO")]:
            label = name if dash == "-" else f"{name} of {which}"
            left.plot(table[column], dash, color=shades[column], label=label)
    shown = next(iter(curves.values()))
    left.fill_between(shown.index, shown["low"], shown["high"], color="black", alpha=0.15)
    left.plot(shown["chance"], "--", color="0.5", label="ILO by chance")
    left.axvline(setting["layer"], color="#CC3311", linewidth=1)
    left.set(ylim=(0, 1.03), ylabel="mean over the languages")
    style.whole_numbers(left)
    left.legend(fontsize=7, ncols=3, loc="upper center", bbox_to_anchor=(0.5, -0.16))
    scale = middle.pcolormesh(np.ma.masked_invalid(grid), cmap="viridis", vmin=0)
    middle.set_xticks(np.arange(grid.shape[1]) + 0.5, grid.columns)
    middle.set_yticks(np.arange(grid.shape[0]) + 0.5, grid.index)
    if setting["k"] in grid.index and setting["tau"] in grid.columns:
        here = grid.columns.get_loc(setting["tau"]) + 0.5, grid.index.get_loc(setting["k"]) + 0.5
        middle.plot(*here, "s", color="none", markeredgecolor="#CC3311", markersize=11)
    middle.set(xlabel="τ", ylabel="k", title=f"mean ILO at layer {setting['layer']}")
    middle.grid(visible=False)
    fig.colorbar(scale, ax=middle)
    dots(right, points, "group", colors, f"sentences at layer {setting['layer']}, by {hue}")
    style.color_legend(right, colors, points["group"], fontsize=6, loc="center left",
                       bbox_to_anchor=(1, 0.5))  # fmt: skip
    return style.titled(fig, title)


@drawing
def toy_figure(points: pd.DataFrame, lists: pd.DataFrame, told: str, title: str) -> Figure:
    """Points of three languages in the plane; an arrow from each to its neighbours.

    Parameters
    ----------
    points : pandas.DataFrame
        language, meaning, x, y and bridge (bool), a row a point.
    lists : pandas.DataFrame
        start and end (rows of ``points``) of every arrow.
    told : str
        The scores, written beside the plane.
    title : str

    Returns
    -------
    matplotlib.figure.Figure
    """
    fig, ax = plt.subplots(figsize=(8, 4.8))
    xy = points[["x", "y"]].to_numpy()
    for start, end in lists[["start", "end"]].to_numpy():
        crossing = points["language"].iat[start] != points["language"].iat[end]
        look = {"arrowstyle": "-|>", "shrinkA": 8, "shrinkB": 9, "linewidth": 0.9,
                "color": "black" if crossing else "0.75"}  # fmt: skip
        ax.annotate("", xy[end], xy[start], arrowprops=look)
    for language, (color, marker) in TOY_LOOKS.items():
        part = points[points["language"] == language]
        ax.scatter(part["x"], part["y"], s=90, color=color, marker=marker, label=language, zorder=3)
    bridges = points[points["bridge"]]
    ax.scatter(bridges["x"], bridges["y"], s=230, facecolors="none", edgecolors="#CC3311",
               linewidths=1.6, label="bridge", zorder=2)  # fmt: skip
    for row in points.itertuples():
        ax.annotate(row.meaning, (row.x, row.y), (11, 7), textcoords="offset points", fontsize=7)
    ax.set(xticks=[], yticks=[], xlim=(0, 10), ylim=(0, 7), aspect="equal")
    ax.grid(visible=False)
    ax.legend(title="language", loc="upper left", bbox_to_anchor=(1, 1))
    ax.text(1.03, 0.3, told, transform=ax.transAxes, va="top")
    return style.titled(fig, title)
