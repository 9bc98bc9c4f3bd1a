"""Maps of the sentence vectors in two dimensions."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib import patheffects
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .style import FAMILY_COLORS, alternating, color_legend, drawing, in_turn, titled

#: Fragments that are named on the map by their numbers.
NUMBERED = 10
#: Share of the spread of all points below which those of a language lie together, and are named.
TOGETHER = 0.5
#: What a map may keep: columns of the table, and their names.
KEPT = {
    "trustworthiness": "trustworthiness", "continuity": "continuity", "kept": "neighbours kept",
    "ilo": "mean ILO",
}  # fmt: skip


def dots(ax: Axes, points: pd.DataFrame, hue: str, colors: dict, title: str) -> None:
    """Points of one map, in an order that paints no group over another."""
    points = points.sample(frac=1, random_state=0)
    ax.scatter(points["x"], points["y"], s=5, c=points[hue].map(colors), linewidths=0, zorder=2)
    ax.set(title=title, xticks=[], yticks=[])


def _name_medians(ax, points, names):
    """Names at the median of the points of each, moved apart where they overlap."""
    from adjustText import adjust_text

    halo = [patheffects.withStroke(linewidth=2, foreground="white")]
    texts = [
        ax.text(x, y, name, fontsize=8, ha="center", va="center", path_effects=halo)
        for name, (x, y) in points.groupby(names)[["x", "y"]].median().iterrows()
    ]
    adjust_text(texts, ax=ax, expand=(1.05, 1.1), iter_lim=100)


def _together(points):
    """Points of the languages that have a place of their own, and are not all over the map."""

    def spread(part):
        return np.median(np.hypot(*(part - part.median()).to_numpy().T))

    xy, whole = ["x", "y"], spread(points[["x", "y"]])
    return points.groupby("language").filter(lambda part: spread(part[xy]) < TOGETHER * whole)


@drawing
def region_maps(points: pd.DataFrame, title: str) -> Figure:
    """One map a layer (columns) in three colourings (rows): language, family, region.

    Parameters
    ----------
    points : pandas.DataFrame
        Columns layer, language, sentence, x, y, family, fragment (0: the shared region) and
        fragment_family (family of the fragment's commonest language, which colours it). The
        largest fragments have their numbers at the median of their points, and languages their
        names, if half of their points lie within half the distance that half of all points do.
    title : str

    Returns
    -------
    matplotlib.figure.Figure
    """
    layers = list(points["layer"].unique())
    by_language = alternating(points["language"].unique())
    size = (3.8 * len(layers), 10.4)
    fig, axes = plt.subplots(3, len(layers), figsize=size, squeeze=False)
    for column, (layer, part) in zip(axes.T, points.groupby("layer", sort=False), strict=True):
        named = _together(part)
        count = f"{named['language'].nunique()} of {part['language'].nunique()}"
        name = f"layer {layer}, by language ({count} lie together)"
        dots(column[0], part, "language", by_language, name)
        _name_medians(column[0], named, named["language"].str[:3])
        dots(column[1], part, "family", FAMILY_COLORS, f"layer {layer}, by family")
        shared, rest = part[part["fragment"] == 0], part[part["fragment"] > 0]
        name = f"layer {layer}, shared region (rings) and fragments"
        dots(column[2], rest, "fragment_family", FAMILY_COLORS, name)
        ring = {"facecolors": "white", "edgecolors": "black", "linewidths": 0.4, "zorder": 3}
        column[2].scatter(shared["x"], shared["y"], s=7, **ring)
        largest = rest[rest["fragment"] <= NUMBERED]
        _name_medians(column[2], largest, largest["fragment"].astype(str))
    _family_legend(
        fig, points, "family; in the third row that of the fragment's commonest language"
    )
    return titled(fig, title)


@drawing
def maps_and_quality(points: pd.DataFrame, quality: pd.DataFrame, title: str) -> Figure:
    """Maps of one layer by several methods, by family, and what each keeps of the space.

    Parameters
    ----------
    points : pandas.DataFrame
        Columns method, language, sentence, x, y and family, of one layer.
    quality : pandas.DataFrame
        Of :func:`ilo_helpers.regions.maps.map_quality`, of that layer; the mean ILO of the full
        space is a line.
    title : str

    Returns
    -------
    matplotlib.figure.Figure
    """
    methods = list(points["method"].unique())
    fig, axes = plt.subplots(1, len(methods) + 1, figsize=(3.2 * len(methods) + 3.8, 4))
    for ax, (method, part) in zip(axes, points.groupby("method", sort=False), strict=False):
        dots(ax, part, "family", FAMILY_COLORS, method)
    ax, table = axes[-1], quality.set_index("method")
    places = np.arange(len(KEPT))
    for number, (method, color) in enumerate(in_turn(methods).items()):
        y = places + 0.2 * (number - (len(methods) - 1) / 2)
        ax.plot(table.loc[method, list(KEPT)], y, "o", color=color, markersize=6, label=method)
    full = table.loc["full space", "ilo"]
    ax.vlines(full, 2.6, 3.4, color="black", label="full space")
    ax.set_yticks(places, KEPT.values())
    ax.set(title="what each keeps", xlim=(0, 1.03), ylim=(len(KEPT) - 0.5, -0.5))
    ax.legend(loc="upper left")
    _family_legend(fig, points, "family")
    return titled(fig, title)


def _family_legend(fig, points, title):
    """Colours of the families, below the maps."""
    color_legend(
        fig, FAMILY_COLORS, points["family"], title=title, loc="outside lower center", ncols=6
    )
