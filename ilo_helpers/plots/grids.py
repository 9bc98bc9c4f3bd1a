"""Heat maps: layers × languages, languages × languages, any tables."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
import xarray as xr
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure

from . import style
from .style import FAMILY_COLORS, SCORES, drawing, language_label


@drawing
def heatmap_by_layer(scores: pd.DataFrame, title: str) -> Figure:
    """Layers × languages, one panel each for ILO, bridge and reach (figure c).

    Each panel has its own scale; languages are ordered by their mean ILO over the layers.

    Parameters
    ----------
    scores : pandas.DataFrame
        Columns layer, language, ilo, bridge and reach.
    title : str

    Returns
    -------
    matplotlib.figure.Figure
    """
    wide = scores.pivot(index="language", columns="layer", values=list(SCORES))
    wide = wide.loc[wide["ilo"].mean(axis=1).sort_values(ascending=False).index]
    wide = wide.rename(language_label).rename_axis(index=None)
    tables = {label: wide[value] for value, label in SCORES.items()}
    fig = _heatmaps(
        tables, (12.5, 1.5 + 0.2 * len(wide)), scales=True, vmin=0, cmap="viridis",
        yticklabels=1, xticklabels=max(1, scores["layer"].nunique() // 6),
    )  # fmt: skip
    for ax in fig.axes[:3]:
        ax.tick_params(axis="x", rotation=0)
        ax.label_outer()
    return style.titled(fig, title)


@drawing
def heatmaps(
    tables: dict[str, pd.DataFrame], title: str, label: str, vmin: float = 0, fmt: str = ".2f"
) -> Figure:
    """A panel a table, one scale of colour for all.

    Parameters
    ----------
    tables : dict of pandas.DataFrame
        By the panel's title; rows and columns are named as in the table, NaN is left white.
    title, label : str
        Of the figure and of its scale.
    vmin : float
        Where the scale begins. It ends at the greatest value; from a negative one at its opposite,
        so that white is 0.
    fmt : str
        Of the numbers in the cells.

    Returns
    -------
    matplotlib.figure.Figure
    """
    rows, columns = next(iter(tables.values())).shape
    size = (3 + (1.6 + 0.5 * columns) * len(tables), 2.2 + 0.4 * rows)
    fig = _heatmaps(
        tables, size, vmin=vmin,
        vmax=-vmin if vmin < 0 else max(table.max(axis=None) for table in tables.values()),
        cmap="vlag" if vmin else "viridis", annot=True, annot_kws={"fontsize": 7}, fmt=fmt,
        cbar_kws={"label": label},
    )  # fmt: skip
    for ax in fig.axes[: len(tables)]:
        plt.setp(ax.get_xticklabels(), rotation=60, ha="right", rotation_mode="anchor")
        ax.tick_params(axis="y", rotation=0)
    return style.titled(fig, title)


def _heatmaps(tables, size, scales=False, **options):
    """A panel a table, the last with the scale, or each with its own."""
    fig, axes = plt.subplots(1, len(tables), figsize=size, squeeze=False)
    for ax, (name, table) in zip(axes[0], tables.items(), strict=True):
        sns.heatmap(table, ax=ax, cbar=scales or ax is axes[0, -1], **options)
        ax.set(title=name)
        ax.grid(visible=False)
    return fig


@drawing
def rates_between_languages(ratio: xr.DataArray, languages: pd.DataFrame, title: str) -> Figure:
    """Who neighbours whom at one layer: a clustered heat map, families and scripts at its side.

    Parameters
    ----------
    ratio : xarray.DataArray
        (language, neighbor_language), of :func:`ilo_helpers.regions.rates.language_rates`; the
        diagonal is left out. Colours follow its square root, so that 1 can be told from 0.
    languages : pandas.DataFrame
        family and script of each, as :attr:`ilo_helpers.study.Study.languages`.
    title : str

    Returns
    -------
    matplotlib.figure.Figure
    """
    from scipy.cluster.hierarchy import linkage
    from scipy.spatial.distance import squareform

    codes = ratio["language"].values.tolist()
    table = languages.loc[codes]
    values = ratio.values.copy()
    np.fill_diagonal(values, 0)
    apart = 1 / (1 + (values + values.T) / 2)  # languages that meet often are near
    tree = linkage(squareform(apart, checks=False), "average", optimal_ordering=True)
    names = [language_label(code) for code in codes]
    scripts = style.alternating(table["script"].unique())
    palettes: dict[str, dict] = {"family": FAMILY_COLORS, "script": scripts}
    sides = pd.DataFrame({side: table[side].map(colors) for side, colors in palettes.items()})
    with plt.rc_context({"figure.constrained_layout.use": False}):  # clustermap has its own
        grid = sns.clustermap(
            pd.DataFrame(values, names, [code[:3] for code in codes]),
            mask=np.eye(len(codes), dtype=bool), row_linkage=tree, col_linkage=tree,
            row_colors=sides.set_axis(names), cmap="viridis", vmin=0,
            norm=PowerNorm(0.5, vmin=0, vmax=max(1, values.max())),
            figsize=(10, 2.5 + 0.24 * len(codes)), xticklabels=1, yticklabels=1,
            dendrogram_ratio=(0.1, 0.08), cbar_pos=(0.1, -0.03, 0.6, 0.015),
            cbar_kws={"label": "times chance, on a square-root scale: 1 is as often as at random",
                      "ticks": [0, 0.25, 1, 2, 4, 6, 9, 16, 25], "orientation": "horizontal",
                      "format": "{x:g}"},
        )  # fmt: skip
    grid.ax_heatmap.grid(visible=False)
    grid.ax_heatmap.set(xlabel="language of the neighbour", ylabel="language of the sentence")
    for x, (side, colors) in zip((0.28, 0.72), palettes.items(), strict=True):
        style.color_legend(
            grid.figure, colors, table[side], marker="s", fontsize=7, ncols=3, title=side,
            loc="upper center", bbox_to_anchor=(x, -0.08),
        )  # fmt: skip
    grid.figure.suptitle(title, x=0.01, y=1, ha="left", va="bottom")
    return grid.figure
