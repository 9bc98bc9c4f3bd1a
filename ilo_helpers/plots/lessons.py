"""Figures of notebook 3 that teach what ILO measures."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from . import style
from .explorer import KIND_COLORS
from .style import MODEL_COLORS, drawing


@drawing
def score_bars(table: pd.DataFrame, title: str) -> Figure:
    """B, R and ILO side by side, and the share of translations among the neighbours.

    Parameters
    ----------
    table : pandas.DataFrame
        Columns world, bridge, reach, ilo and translation, all 0 to 1; a row a group of bars.
    title : str

    Returns
    -------
    matplotlib.figure.Figure
    """
    names = {"bridge": "bridge B", "reach": "reach R", "ilo": "ILO",
             "translation": "translations among the neighbours"}  # fmt: skip
    colors = (*MODEL_COLORS[:2], "black", KIND_COLORS["translation"])
    fig, ax = plt.subplots(figsize=(9, 3.6))
    for place, ((column, name), color) in enumerate(zip(names.items(), colors, strict=True)):
        x = np.arange(len(table)) + (place - 1.5) * 0.2
        bars = ax.bar(x, table[column], 0.18, color=color, label=name)
        ax.bar_label(bars, fmt="%.2f", fontsize=7, padding=1)
    ax.set_xticks(range(len(table)), table["world"])
    ax.set(ylim=(0, 1.12))
    ax.grid(axis="x", visible=False)
    style.legend_below(fig)
    return style.titled(fig, title)


@drawing
def kinds_by_layer(table: pd.DataFrame, title: str) -> Figure:
    """What the neighbours are, layer by layer: translations and other sentences, stacked.

    Parameters
    ----------
    table : pandas.DataFrame
        Columns panel, layer, own, translation and other (shares; several rows of a layer are
        averaged). What is missing to 1 is of the sentence's own language.
    title : str

    Returns
    -------
    matplotlib.figure.Figure
    """
    names = {"translation": "its translations", "other": "other sentences of other languages"}
    panels = dict(list(table.groupby("panel", sort=False)))
    size = (4.4 * len(panels) + 0.6, 3.6)
    fig, axes = plt.subplots(1, len(panels), figsize=size, sharey=True, squeeze=False)
    for ax, (name, part) in zip(axes[0], panels.items(), strict=True):
        means = part.groupby("layer")[list(names)].mean()
        colors = [KIND_COLORS[kind] for kind in names]
        ax.stackplot(means.index, means.T, labels=list(names.values()), colors=colors)
        ax.set(title=name, xlim=(means.index.min(), means.index.max()))
    axes[0, 0].set(ylabel="share of the k neighbours", ylim=(0, None))
    style.whole_numbers(*axes[0])
    style.legend_below(fig)
    return style.titled(fig, title)


#: Panels of :func:`confounds_by_layer`: what is taken away, and its control.
CONFOUNDS = {
    "length regressed out": ["length regressed out", "shuffled length regressed out"],
    "… in each language by itself": [
        "length regressed out by language",
        "shuffled length regressed out by language",
    ],
    "like length only": ["like length", "like shuffled length"],
    "hubs": ["CSLS", "mutual", "as few at random"],
}


@drawing
def confounds_by_layer(table: pd.DataFrame, title: str) -> Figure:
    """Mean ILO with a suspect taken away, and its control: a panel a suspect, a row a pooling.

    Parameters
    ----------
    table : pandas.DataFrame
        Columns tokens (what is pooled), layer, variant and ilo, as
        :func:`ilo_helpers.regions.confounds.confound_scores` has them.
    title : str

    Returns
    -------
    matplotlib.figure.Figure
    """
    rows = dict(list(table.groupby("tokens", sort=False)))
    shape = {"nrows": len(rows), "ncols": len(CONFOUNDS), "figsize": (14, 2.9 * len(rows) + 0.4)}
    fig, axes = plt.subplots(**shape, sharex=True, sharey=True, squeeze=False)
    for number, (line, (name, part)) in enumerate(zip(axes, rows.items(), strict=True), 1):
        curves = part.pivot(index="layer", columns="variant", values="ilo")
        for ax, (suspect, variants) in zip(line, CONFOUNDS.items(), strict=True):
            ax.plot(curves["as it is"], color="black", linewidth=2.5, label="as it is")
            for variant, color in zip(variants, MODEL_COLORS, strict=False):
                dash = "--" if variant == variants[-1] else "-"  # the control
                ax.plot(curves[variant], dash, color=color, label=variant)
            if number == 1:
                ax.set_title(suspect)
            if number == len(rows):
                ax.legend(fontsize=7)
        line[0].set(ylabel=f"mean ILO,\n{name}", ylim=(0, None))
    style.whole_numbers(*axes[-1])
    return style.titled(fig, title)


@drawing
def scores_by_size(table: pd.DataFrame, title: str) -> Figure:
    """Mean scores by number of sentences; the shading spans the draws.

    Parameters
    ----------
    table : pandas.DataFrame
        Columns sentences, draw, score (ilo, bridge or reach) and value.
    title : str

    Returns
    -------
    matplotlib.figure.Figure
    """
    fig, ax = plt.subplots(figsize=(7, 3.6))
    colors = dict(zip(style.SCORES, ("black", *MODEL_COLORS), strict=False))
    for score, color, part in style.colored(table, "score", colors):
        look = {"color": color, "marker": "o", "label": style.SCORES[score]}
        style.mean_line(ax, part, "sentences", "value", **look)
    ax.set(xlabel="sentences", ylabel="mean over the languages", ylim=(0, None))
    ax.legend()
    return style.titled(fig, title)
