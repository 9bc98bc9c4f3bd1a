"""Figures of notebook 8: what measures see, and what they predict."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from . import style
from .style import drawing


@drawing
def disturbances(table: pd.DataFrame, title: str) -> Figure:
    """What each measure says as one thing at a time is disturbed: a panel a disturbance.

    Parameters
    ----------
    table : pandas.DataFrame
        Columns metric, knob, setting, value.
    title : str

    Returns
    -------
    matplotlib.figure.Figure
    """
    knobs = dict(list(table.groupby("knob", sort=False)))
    names = table["metric"].unique()
    size = (10.5, 1.6 + 0.27 * len(names))
    fig, axes = plt.subplots(1, len(knobs), figsize=size, sharey=True, squeeze=False)
    for ax, (knob, part) in zip(axes[0], knobs.items(), strict=True):
        wide = part.pivot(index="metric", columns="setting", values="value").loc[names]
        sns.heatmap(
            wide.rename(columns="{:g}".format), ax=ax, vmin=0, vmax=1, cmap="viridis",
            cbar=ax is axes[0, -1], cbar_kws={"label": "value"}, linewidths=0.5, yticklabels=1,
        )  # fmt: skip
        ax.set(title=knob, xlabel="how much", ylabel="")
        ax.tick_params(axis="both", rotation=0)
        ax.grid(visible=False)
    return style.titled(fig, title)


@drawing
def predictions_by_layer(table: pd.DataFrame, title: str) -> Figure:
    """Correlation of every measure with every skill, by layer: a panel a skill.

    A dot marks the layers at which the interval of resampled families leaves out 0; grey is a
    measure that hardly varies there.

    Parameters
    ----------
    table : pandas.DataFrame
        Of :func:`ilo_helpers.validity.prediction.predictions`: measure, skill, layer, rho, and
        low and high where there are any.
    title : str

    Returns
    -------
    matplotlib.figure.Figure
    """
    skills = dict(list(table.groupby("skill", sort=False)))
    names = table["measure"].unique()
    told = "Spearman's ρ (dot: 95% leaves out 0; grey: too few languages differ)"
    fig, axes = _tall_panels(len(skills), len(names))
    for ax, (skill, part) in zip(axes, skills.items(), strict=True):
        wide = part.pivot(index="measure", columns="layer", values="rho").loc[names]
        sns.heatmap(
            wide, ax=ax, vmin=-1, vmax=1, cmap="vlag", cbar=ax is axes[-1], yticklabels=1,
            xticklabels=max(1, wide.shape[1] // 6), cbar_kws={"label": told},
        )  # fmt: skip
        ax.set_facecolor("0.85")
        if "low" in part:
            sure = part[(part["low"] > 0) | (part["high"] < 0)]
            rows, places = (
                wide.index.get_indexer(sure["measure"]),
                wide.columns.get_indexer(sure["layer"]),
            )
            ax.scatter(places + 0.5, rows + 0.5, s=3, color="black")
        ax.set(title=skill, xlabel="layer (0 = embeddings)", ylabel="")
        ax.tick_params(axis="both", rotation=0)
        ax.grid(visible=False)
    return style.titled(fig, title)


@drawing
def correlations_by_layer(
    table: pd.DataFrame, title: str, hue: str = "measure",
    label: str = "Spearman's ρ over languages", limit: float = 1,
) -> Figure:  # fmt: skip
    """Correlations by layer as lines with their intervals: a panel a skill.

    Parameters
    ----------
    table : pandas.DataFrame
        Columns skill, layer, rho, low, high and ``hue``.
    title : str
    hue : str
        A line for each of its values.
    label : str
        What is drawn.
    limit : float
        Its greatest value: 2 for a difference of two correlations.

    Returns
    -------
    matplotlib.figure.Figure
    """
    skills = dict(list(table.groupby("skill", sort=False)))
    colors = style.in_turn(table[hue])
    fig, axes, lowest = style.panels(len(skills), 3.7, 2.9, below=0.5, sharex=False)
    for ax, (skill, part) in zip(axes, skills.items(), strict=True):
        for name, color, line in style.colored(part, hue, colors):
            ax.plot(line["layer"], line["rho"], color=color, marker="o", label=name)
            ax.fill_between(line["layer"], line["low"], line["high"], color=color, alpha=0.12)
        ax.axhline(0, color="0.4", linestyle=":")
        ax.set(title=skill, ylim=(-limit, limit))
    axes[0].set_ylabel(label)
    style.whole_numbers(*lowest)
    style.legend_below(fig)
    return style.titled(fig, title)


@drawing
def chosen_and_tried(table: pd.DataFrame, title: str) -> Figure:
    """How well a measure predicts where its layer was chosen, and on other languages.

    A panel a skill, a row a measure: an open dot where the layer was chosen, a full one with its
    interval where it was tried, and the layer chosen most often; nothing where too few languages
    differ from each other.

    Parameters
    ----------
    table : pandas.DataFrame
        Of :func:`ilo_helpers.validity.prediction.chosen_layers`.
    title : str

    Returns
    -------
    matplotlib.figure.Figure
    """
    skills = dict(list(table.groupby("skill", sort=False)))
    names = list(table["measure"].unique())
    fig, axes = _tall_panels(len(skills), len(names))
    for ax, (skill, part) in zip(axes, skills.items(), strict=True):
        part = part.set_index("measure").loc[names]
        rows = np.arange(len(names))
        ax.hlines(rows, part["low"], part["high"], color="0.8", zorder=1)
        ax.scatter(part["chosen"], rows, facecolor="white", edgecolor="0.3", s=18)
        ax.scatter(part["tried"], rows, color=style.MODEL_COLORS[0], s=18)
        for row, layer in zip(rows, part["layer"], strict=True):
            if np.isfinite(layer):
                ax.annotate(f"{layer:g}", (1.1, row), fontsize=7, va="center")
        ax.axvline(0, color="0.4", linestyle=":")
        ax.set(title=skill, xlim=(-1, 1.3), yticks=rows, yticklabels=names)
        ax.set_xlabel("Spearman's ρ; right: layer chosen most")
    axes[0].invert_yaxis()
    return style.titled(fig, title)


def _tall_panels(count, rows):
    """Figure and panels of so many rows of measures, at most four panels side by side."""
    high = -(-count // 4)
    wide = -(-count // high)
    size = (3 + 2.9 * wide, (1.4 + 0.22 * rows) * high)
    fig, axes = plt.subplots(high, wide, figsize=size, sharey=True, squeeze=False)
    for ax in axes.flat[count:]:
        ax.remove()
    return fig, list(axes.flat[:count])
