"""Figures of hundreds of languages: no legend and no axis names them all."""

import html
from typing import TYPE_CHECKING, Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch

from . import style
from .corpus import land
from .style import BAND_COLORS, drawing

if TYPE_CHECKING:
    from IPython.display import HTML

#: Rings around the languages of the ILO paper.
_RING = {"facecolors": "none", "edgecolors": "black", "linewidths": 0.9, "zorder": 6}
#: Typing shows the rows that hold all words; a click on a column's name sorts by it.
_SEARCH = (
    "const w = this.value.toLowerCase().split(' '); "
    "for (const r of this.parentElement.querySelectorAll('tbody tr')) "
    "r.hidden = !w.every(x => r.textContent.toLowerCase().includes(x))"
)
_SORT = (
    "const b = this.closest('table').tBodies[0], i = this.cellIndex, d = this.dataset.d *= -1; "
    "const t = r => r.cells[i].textContent; [...b.rows].sort((p, q) => "
    "d * t(p).localeCompare(t(q), 'en', {numeric: true})).forEach(r => b.append(r))"
)


@drawing
def language_map(
    table: pd.DataFrame, value: str, label: str, title: str, colors: dict | None = None
) -> Figure:
    """A dot a language on a map of the world, coloured by a value.

    Parameters
    ----------
    table : pandas.DataFrame
        Columns latitude and longitude (degrees; a row without a place is left out), ``value`` and
        paper (bool: such dots have a ring).
    value : str
        Numbers, for which there is a colour bar, or names.
    label, title : str
    colors : dict, optional
        Of names: the colour of each, for a legend.

    Returns
    -------
    matplotlib.figure.Figure
    """
    table = table.dropna(subset=["latitude", "longitude"]).sort_values(value, kind="stable")
    fig, ax = plt.subplots(figsize=(11, 5.6))
    ax.add_patch(PathPatch(land(), facecolor="#eeeae2", edgecolor="#c9c3b6", linewidth=0.5))
    x, y = table["longitude"], table["latitude"]
    look: dict[str, Any] = {"s": 30, "edgecolors": "white", "linewidths": 0.4, "zorder": 5}
    if colors:
        ax.scatter(x, y, c=table[value].map(colors), **look)
        below: dict[str, Any] = {"title": label, "ncols": 6, "loc": "outside lower center"}
        style.color_legend(fig, colors, table[value], **below)
    else:
        dots = ax.scatter(x, y, c=table[value], cmap="viridis", **look)
        fig.colorbar(dots, ax=ax, label=label, shrink=0.7, pad=0.01)
    ax.scatter(x[table["paper"]], y[table["paper"]], s=44, **_RING)
    ax.set(xlim=(-180, 180), ylim=(-56, 78), xticks=[], yticks=[])
    ax.set_aspect(1.2)  # true shapes at 34 degrees
    ax.spines[["left", "bottom"]].set_visible(False)
    return style.titled(fig, f"{title} (rings: the paper's)" if table["paper"].any() else title)


@drawing
def dots_by_group(
    table: pd.DataFrame, value: str, group: str, label: str, title: str, least: int = 1
) -> Figure:
    """A dot a language in the row of its group, coloured by resource band; a bar at the median.

    Parameters
    ----------
    table : pandas.DataFrame
        Columns name (of the language), ``value``, ``group``, resource_band and paper (bool: such
        dots have a ring).
    value, group, label, title : str
    least : int
        Groups of fewer languages share a row, the last.

    Returns
    -------
    matplotlib.figure.Figure
        Groups with the greatest median on top. In a group of five or more, the languages at either
        end have their names.
    """
    sizes = table[group].map(table[group].value_counts())
    few = f"groups of fewer than {least}"
    table = table.assign(row=table[group].astype(str).where(sizes >= least, few))
    order = table.groupby("row")[value].median().sort_values(ascending=False, kind="stable").index
    order = [name for name in order if name != few] + [few] * (few in order)
    fig, ax = plt.subplots(figsize=(9, 1.6 + 0.3 * len(order)))
    for place, name in enumerate(order):
        part = table[table["row"] == name].sort_values(value, kind="stable")
        # neighbours in value lie apart in height, always in the same way
        y = place + 0.6 * (np.arange(len(part)) * 0.618 % 1 - 0.5)
        ax.scatter(part[value], y, s=20, c=part["resource_band"].map(BAND_COLORS), alpha=0.85)
        ax.scatter(part[value][part["paper"]], y[part["paper"]], s=34, **_RING)
        ax.plot([part[value].median()] * 2, [place - 0.4, place + 0.4], color="black", linewidth=2)
        ends = {0: ("right", -6), -1: ("left", 6)} if len(part) >= 5 else {}
        for end, (side, far) in ends.items():
            at = (part[value].iloc[end], y[end])
            look = {"xytext": (far, 0), "textcoords": "offset points", "ha": side, "va": "center"}
            ax.annotate(part["name"].iloc[end], at, fontsize=7, color="0.35", **look)
    names = table["row"].value_counts()
    ax.set_yticks(range(len(order)), [f"{name} ({names[name]})" for name in order])
    ax.set(xlabel=label, ylim=(len(order) - 0.4, -0.6))
    ax.margins(x=0.18)
    ax.grid(axis="y", visible=False)
    below: dict[str, Any] = {"title": "resources", "ncols": 4, "loc": "outside lower center"}
    style.color_legend(fig, BAND_COLORS, table["resource_band"], **below)
    return style.titled(fig, title)


@drawing
def groups_by_depth(table: pd.DataFrame, value: str, group: str, label: str, title: str) -> Figure:
    """Mean of a value by group (rows) and layer (columns), as colours.

    Parameters
    ----------
    table : pandas.DataFrame
        Columns language, layer, ``value`` and ``group``.
    value, group, label, title : str

    Returns
    -------
    matplotlib.figure.Figure
        Groups with the greatest mean on top, with the number of their languages.
    """
    wide = table.pivot_table(value, group, "layer", "mean", observed=True)
    wide = wide.loc[wide.mean(axis=1).sort_values(ascending=False, kind="stable").index]
    count = table.groupby(group, observed=True)["language"].nunique()
    wide.index = [f"{name} ({count[name]})" for name in wide.index]
    fig, ax = plt.subplots(figsize=(3.2 + 0.42 * wide.shape[1], 1.5 + 0.24 * len(wide)))
    sns.heatmap(
        wide, ax=ax, vmin=0, vmax=1, cmap="viridis", yticklabels=1, linewidths=0.4,
        cbar_kws={"label": label},
    )  # fmt: skip
    ax.set(xlabel="layer (0 = token embeddings)", ylabel="")
    ax.tick_params(axis="both", rotation=0)
    ax.grid(visible=False)
    return style.titled(fig, title)


def searchable_table(table: pd.DataFrame, rows: int = 12) -> "HTML":
    """A table with a field to search in, and columns that sort, for a notebook.

    Plain HTML with a line of script for each of the two: it needs no kernel, no network and no
    widget. Where scripts are off, it is the table.

    Parameters
    ----------
    table : pandas.DataFrame
        Index and columns; numbers are shown with three digits after the point.
    rows : int
        How many are in view; the others scroll.

    Returns
    -------
    IPython.display.HTML
    """
    from IPython.display import HTML

    shown = table.reset_index()
    body = shown.to_html(index=False, escape=True, border=0, na_rep="", float_format="%.3f")
    head = f'<th data-d="-1" style="cursor:pointer" onclick="{html.escape(_SORT)}">'
    field = f'<input type="search" placeholder="search" oninput="{html.escape(_SEARCH)}">'
    box = f"max-height:{2 * rows}em;overflow:auto"
    return HTML(f'<div>{field}<div style="{box}">{body.replace("<th>", head)}</div></div>')
