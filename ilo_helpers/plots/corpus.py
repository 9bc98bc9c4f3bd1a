"""Figures of notebook 1: where the languages are, how many of a kind, how long their sentences.

``land.csv`` beside this module is the coastline of Natural Earth 4.1 at 1:110 million (public
domain, from the npm package ``world-atlas`` 2.0.2), without Antarctica and thinned out to 0.2
degrees; a ring that runs the other way round is a lake.
"""

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib import patheffects
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch
from matplotlib.path import Path as Outline

from ..keep.paths import PACKAGE
from . import style
from .style import BAND_COLORS, drawing

#: Degrees of land shown around the languages.
_MARGIN = 11
#: Place of the legend.
_BELOW: dict[str, Any] = {
    "title": "resources of the language", "ncols": 4, "loc": "outside lower center",
}  # fmt: skip


@drawing
def world_map(table: pd.DataFrame, title: str) -> Figure:
    """A dot a language on the part of the world that they span, coloured by resource band.

    Parameters
    ----------
    table : pandas.DataFrame
        Columns name, resource_band, latitude and longitude (degrees); a row without a place is
        left out.
    title : str

    Returns
    -------
    matplotlib.figure.Figure
    """
    from adjustText import adjust_text

    table = table.dropna(subset=["latitude", "longitude"])
    x, y = table["longitude"], table["latitude"]
    fig, ax = plt.subplots(figsize=(10.5, 7))
    ax.add_patch(PathPatch(land(), facecolor="#eeeae2", edgecolor="#c9c3b6", linewidth=0.5))
    ax.scatter(x, y, s=34, c=table["resource_band"].map(BAND_COLORS), edgecolors="white", zorder=5)
    ax.set(xlim=(x.min() - _MARGIN, x.max() + 2 * _MARGIN), xticks=[], yticks=[])
    ax.set(ylim=(y.min() - _MARGIN, y.max() + _MARGIN), title=title)
    ax.set_aspect(1 / np.cos(np.radians(40)))  # true shapes at 40 degrees north
    ax.spines[["left", "bottom"]].set_visible(False)
    halo = [patheffects.withStroke(linewidth=2, foreground="white")]
    look = {"fontsize": 8, "path_effects": halo, "zorder": 4}
    names = [ax.text(*row, **look) for row in zip(x, y, table["name"], strict=True)]
    line = {"arrowstyle": "-", "color": "0.45", "linewidth": 0.6}
    pushed = {"force_static": (0.6, 1), "force_text": (0.4, 0.6), "expand": (1.3, 1.8)}
    adjust_text(names, x, y, ax=ax, arrowprops=line, **pushed)
    style.color_legend(fig, BAND_COLORS, table["resource_band"], **_BELOW)
    return fig


def land() -> Outline:
    """The land as one outline of many rings."""
    table = pd.read_csv(PACKAGE / "plots" / "land.csv")
    rings = (ring[["longitude", "latitude"]] for _, ring in table.groupby("ring"))
    return Outline.make_compound_path(*(Outline(ring.to_numpy(), closed=True) for ring in rings))


@drawing
def languages_by_group(counts: pd.DataFrame, title: str) -> Figure:
    """How many languages there are of each kind, a panel a kind, coloured by resource band.

    Parameters
    ----------
    counts : pandas.DataFrame
        Columns kind (``"family"``, ``"script"`` …), group, resource_band and languages (how many).
    title : str

    Returns
    -------
    matplotlib.figure.Figure
    """
    kinds = dict(list(counts.groupby("kind", sort=False)))
    most = max(part["group"].nunique() for part in kinds.values())
    size = (3.9 * len(kinds), 1.5 + 0.25 * most)
    fig, axes = plt.subplots(1, len(kinds), figsize=size, sharex=True, squeeze=False)
    for ax, (kind, part) in zip(axes[0], kinds.items(), strict=True):
        bars = part.pivot_table("languages", "group", "resource_band", "sum", fill_value=0)
        bars = bars.loc[bars.sum(axis=1).sort_values(kind="stable").index]
        left = pd.Series(0, bars.index)
        for band in [band for band in BAND_COLORS if band in bars]:
            ax.barh(bars.index, bars[band], left=left, color=BAND_COLORS[band])
            left = left + bars[band]
        for place, number in enumerate(left):
            ax.text(number + 0.2, place, number, va="center", fontsize=9)
        ax.set(title=f"by {kind}", xlabel="languages", ylim=(len(bars) - most - 0.6, len(bars)))
        ax.grid(axis="y", visible=False)
    style.color_legend(fig, BAND_COLORS, counts["resource_band"], marker="s", **_BELOW)
    return style.titled(fig, title)


@drawing
def lengths_of_translations(table: pd.DataFrame, home: str, title: str) -> Figure:
    """A dot a sentence: its characters, and its tokens, against its length in one language.

    A line through the origin has the slope of the totals; the legend tells it.

    Parameters
    ----------
    table : pandas.DataFrame
        Columns name (of the language), home (characters of the sentence in the language ``home``),
        characters and tokens.
    home, title : str

    Returns
    -------
    matplotlib.figure.Figure
    """
    fig, axes = plt.subplots(1, 2, figsize=(10, 4.6))
    for ax, unit in zip(axes, ("characters", "tokens"), strict=True):
        for name, color, part in style.colored(table, "name"):
            slope = part[unit].sum() / part["home"].sum()
            ax.scatter(part["home"], part[unit], s=13, color=color, alpha=0.75, linewidths=0)
            end = part["home"].max()
            ax.plot([0, end], [0, slope * end], color=color, label=f"{name}: {slope:.2f}")
        ax.set(title=f"{unit} of the same sentence", xlabel=f"characters in {home}")
        ax.set(xlim=(0, None), ylim=(0, None))
        ax.legend(title=f"{unit} per {home} character", loc="upper left")
    return style.titled(fig, title)
