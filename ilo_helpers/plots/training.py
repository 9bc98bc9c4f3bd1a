"""Figures of fine-tuning: what runs change, and what decides it."""

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from .style import (
    BAND_COLORS,
    MODEL_COLORS,
    color_legend,
    colored,
    drawing,
    titled,
    whole_numbers,
)


@drawing
def changes_by_layer(table: pd.DataFrame, title: str) -> Figure:
    """Change of mean ILO by layer with its interval: a panel a run, a line a resource band.

    Figures f and g.

    Parameters
    ----------
    table : pandas.DataFrame
        Columns run, layer, change, low, high and group (a resource band, or ``"all"``).
    title : str

    Returns
    -------
    matplotlib.figure.Figure
    """
    runs = dict(list(table.groupby("run", sort=False, observed=True)))
    size = (4.6 * len(runs), 3.6)
    fig, axes = plt.subplots(1, len(runs), figsize=size, sharey=True, squeeze=False)
    for ax, (run, rows) in zip(axes[0], runs.items(), strict=True):
        for group, color, part in colored(rows, "group", {"all": "black"} | BAND_COLORS):
            ax.plot(part["layer"], part["change"], color=color, label=group)
            ax.fill_between(part["layer"], part["low"], part["high"], color=color, alpha=0.15)
        ax.axhline(0, color="black", linewidth=0.8)
        ax.set(title=run)
    whole_numbers(*axes[0])
    axes[0, 0].set_ylabel("change of mean ILO (jackknife 95%)")
    axes[0, -1].legend(title="resources")
    return titled(fig, title)


#: What an arm leaves as it is, in words; the order of the rows.
ARMS = {
    "none": "nothing frozen", "table": "token table", "table+first-8": "table + first 8 (paper)",
    "table+last-8": "table + last 8", "table+random-8": "table + 8 at random",
    "first-8": "first 8, table free", "lora": "LoRA",
}  # fmt: skip


@drawing
def frozen_parts(table: pd.DataFrame, title: str) -> Figure:
    """What every arm of an experiment trains (a schematic): a row an arm, a box a part.

    Parameters
    ----------
    table : pandas.DataFrame
        Bool, whether a part stays as it is: a row an arm (the index), a column a part.
    title : str

    Returns
    -------
    matplotlib.figure.Figure
    """
    fig, ax = plt.subplots(figsize=(2.6 + 0.42 * table.shape[1], 0.9 + 0.34 * len(table)))
    free, middle = MODEL_COLORS[0], table.shape[1] / 2
    looks = {True: {"facecolor": "0.85", "hatch": "///"}, False: {"facecolor": free}}
    for y, (arm, parts) in enumerate(table.iterrows()):
        for x, stays in enumerate(parts):
            box = Rectangle((x, y - 0.36), 0.86, 0.72, edgecolor="white", **looks[bool(stays)])
            ax.add_patch(box)
        if arm == "lora":
            ax.text(middle, y, " small adapters beside each block's maps ", ha="center",
                    va="center", color="white", backgroundcolor=free, fontsize="small")  # fmt: skip
    places = [x + 0.43 for x in range(table.shape[1])]
    ax.set_xticks(places, table.columns)
    ax.set_xlabel("table of tokens, and blocks by number")
    ax.set_yticks(range(len(table)), [ARMS.get(arm, arm) for arm in table.index])
    ax.set(xlim=(-0.2, table.shape[1]), ylim=(len(table) - 0.5, -0.5))
    ax.grid(visible=False)
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    return titled(fig, title)


@drawing
def arms(
    runs: pd.DataFrame, values: dict[str, str], title: str,
    levels: dict[str, tuple[float, str]] | None = None,
) -> Figure:  # fmt: skip
    """What every arm came to: a panel a measure, a row an arm, a dot a run (figures f, g, h).

    The colour is the learning rate, from light to dark; a hollow dot is a run that ruined the
    model; a tick is the mean of a rate's runs.

    Parameters
    ----------
    runs : pandas.DataFrame
        Columns freeze, learning_rate, ruined (bool) and those of ``values``.
    values : dict
        Panel title of each column drawn.
    title : str
    levels : dict, optional
        For some columns of ``values``: a level to mark by a dotted line, and what it is.

    Returns
    -------
    matplotlib.figure.Figure
    """
    kinds = [arm for arm in ARMS if arm in set(runs["freeze"])]
    kinds += sorted(set(runs["freeze"]) - set(kinds))
    rates = sorted(runs["learning_rate"].unique())
    shades = dict(zip(rates, sns.color_palette("viridis_r", len(rates)), strict=True))
    size = (3.6 + 2.6 * len(values), 1.7 + 0.55 * len(kinds))
    fig, axes = plt.subplots(1, len(values), figsize=size, sharey=True, squeeze=False)
    for ax, (value, name) in zip(axes[0], values.items(), strict=True):
        for (arm, rate), part in runs.groupby(["freeze", "learning_rate"]):
            y = kinds.index(arm) + 0.7 * ((rates.index(rate) + 0.5) / len(rates) - 0.5)
            fills = ["none" if ruined else shades[rate] for ruined in part["ruined"]]
            heights = [y] * len(part)
            ax.scatter(part[value], heights, s=22, facecolor=fills, edgecolor=shades[rate])
            ax.plot(part[value].mean(), y, marker="|", color="black", markersize=8)
        if levels and value in levels:
            level, told = levels[value]
            ax.axvline(level, color="0.4", linestyle=":")
            ax.set_xlabel(f"dotted: {told}", fontsize="small")
        if value == "forgotten":  # from hundredths of a nat to several
            ax.set_xscale("symlog", linthresh=0.1)
            ax.set_xticks([0, 0.1, 1, 10], ["0", "0.1", "1", "10"])
            ax.minorticks_off()
        ax.set(title=name, yticks=range(len(kinds)), yticklabels=[ARMS.get(k, k) for k in kinds])
    axes[0, 0].invert_yaxis()
    named = {f"{rate:g}": color for rate, color in shades.items()}
    color_legend(fig, named, named, title="learning rate", loc="outside right upper")
    marks = [
        Line2D([], [], linestyle="", marker=mark, color=color, markerfacecolor="none", label=told)
        for told, mark, color in [("ruined", "o", "0.3"), ("mean", "|", "black")]
    ]
    fig.legend(handles=marks, title="a dot a run", loc="outside right lower")
    return titled(fig, title)


@drawing
def differences(table: pd.DataFrame, title: str, xlabel: str) -> Figure:
    """Differences with their intervals: a panel a group, a row an arm.

    Parameters
    ----------
    table : pandas.DataFrame
        Columns of, freeze, difference, low and high; ``of`` is the group, NaN has no interval.
        Of a ``ruined``, a share of runs, over a half the dot is hollow.
    title, xlabel : str

    Returns
    -------
    matplotlib.figure.Figure
    """
    groups = dict(list(table.groupby("of", sort=False)))
    kinds = [arm for arm in ARMS if arm in set(table["freeze"])]
    kinds += sorted(set(table["freeze"]) - set(kinds))
    size = (2.2 + 2.4 * len(groups), 1.5 + 0.32 * len(kinds))
    fig, axes = plt.subplots(1, len(groups), figsize=size, sharex=True, sharey=True, squeeze=False)
    for ax, (group, part) in zip(axes[0], groups.items(), strict=True):
        rows = [kinds.index(arm) for arm in part["freeze"]]
        ax.hlines(rows, part["low"], part["high"], color=MODEL_COLORS[0])
        hollow = part.get("ruined", part["difference"] * 0) > 0.5
        fills = hollow.map({True: "white", False: MODEL_COLORS[0]})
        ax.scatter(part["difference"], rows, s=26, c=fills, edgecolor=MODEL_COLORS[0], zorder=3)
        ax.axvline(0, color="0.4", linestyle=":")
        ax.set(title=group, yticks=range(len(kinds)), yticklabels=[ARMS.get(k, k) for k in kinds])
    axes[0, 0].invert_yaxis()
    fig.supxlabel(xlabel, fontsize="medium")
    return titled(fig, title)
