"""Figures of notebook 2: how a vector comes about, what BOS tells, and how vectors crowd."""

from collections.abc import Sequence
from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle, FancyBboxPatch, Rectangle

from . import style
from .style import BAND_COLORS, FAMILY_COLORS, MODEL_COLORS, drawing

#: Tokens that are drawn; of more, the first ones and the last.
MOST = 10
#: Squares that stand for the numbers of a vector.
SQUARES = 4
#: Characters of a token that fit between its neighbours.
WIDE = 11


@drawing
def from_tokens_to_vectors(tokens: Sequence[str], layers: int, hidden: int) -> Figure:
    """How a sentence becomes one vector a layer: tokens, hidden states, means (a schematic).

    Parameters
    ----------
    tokens : list of str
        Of one sentence, the special ones included.
    layers : int
        Layers of hidden states, the embeddings included; at least 2.
    hidden : int
        Numbers in a hidden state.

    Returns
    -------
    matplotlib.figure.Figure
    """
    last, tokens = layers - 1, [token.replace("▁", "") for token in tokens]
    shown = tokens if len(tokens) <= MOST else [*tokens[: MOST - 2], "…", tokens[-1]]
    count, width = len(tokens), len(shown)
    rows = {0: 0.0, 1: 1.5} | ({last: 3.6} if last > 1 else {})
    fig, ax = plt.subplots(figsize=(10, 4.6))
    for layer, y in rows.items():
        for x, token in enumerate(shown):
            if token == "…":
                ax.text(x, y, "…", ha="center", va="center")
            else:
                _vector(ax, x, y, MODEL_COLORS[0])
        ax.annotate("", (width + 1.1, y), (width - 0.4, y), arrowprops={"arrowstyle": "->"})
        ax.text(width + 0.35, y + 0.12, "mean", ha="center", va="bottom", fontsize=9)
        _vector(ax, width + 1.7, y, MODEL_COLORS[5])
        told = "embeddings" if layer == 0 else f"after block {layer}"
        told += ",\nthen normalised" * (layer == last)
        ax.text(-0.8, y, f"layer {layer}\n({told})", ha="right", va="center", fontsize=9)
    _block(ax, 0.75, width, "block 1: attention mixes the tokens")
    if last > 1:
        told = f"blocks 2 to {last}" if last > 2 else "block 2"
        _block(ax, 2.55, width, f"{told}: the same, with other weights")
    lower = 0.25 * (max(map(len, shown)) > WIDE)  # long tokens stand in two rows
    for x, token in enumerate(shown):
        y = -0.6 - lower * (x % 2)
        ax.text(x, y, token, ha="center", va="top", fontsize=9)
    ax.text(-0.8, -0.6, "tokens", ha="right", va="top", fontsize=9)
    ax.text(width + 1.7, -0.6, "one vector\na layer", ha="center", va="top", fontsize=9)
    ax.set(xlim=(-2.4, width + 2.5), ylim=(-1.2, max(rows.values()) + 0.5))
    ax.axis("off")
    headline = f"{count} tokens have {count} hidden states in each of {layers} layers"
    return style.titled(fig, f"{headline};\ntheir mean is one vector of {hidden} numbers a layer")


def _vector(ax: Axes, x: float, y: float, color: str) -> None:
    """A stack of squares, as a vector is drawn."""
    for square in range(SQUARES):
        corner = (x - 0.11, y + 0.2 * (square - SQUARES / 2))
        look = {"facecolor": color, "edgecolor": "white", "alpha": 0.85}
        ax.add_patch(Rectangle(corner, 0.22, 0.2, **look))


def _block(ax: Axes, y: float, width: int, told: str) -> None:
    """A box across all tokens, with arrows into it and out of it."""
    up = {"arrowstyle": "->", "color": "0.5"}
    for x in range(width):
        ax.annotate("", (x, y - 0.16), (x, y - 0.34), arrowprops=up)
        ax.annotate("", (x, y + 0.36), (x, y + 0.16), arrowprops=up)
    look = {"boxstyle": "round,pad=0.02", "facecolor": "#f0f0f0", "edgecolor": "0.7"}
    ax.add_patch(FancyBboxPatch((-0.4, y - 0.15), width - 0.2, 0.3, **look))
    ax.text((width - 1) / 2, y, told, ha="center", va="center", fontsize=9)


@drawing
def languages_by_tokens(
    table: pd.DataFrame, values: dict[str, str], ylabel: str, title: str
) -> Figure:
    """A dot a language by its number of tokens; a panel a measure.

    Named are the language with the most tokens, and those with the least and the greatest measure.

    Parameters
    ----------
    table : pandas.DataFrame
        Columns language, tokens and those of ``values``.
    values : dict
        Panel title of each column drawn.
    ylabel, title : str

    Returns
    -------
    matplotlib.figure.Figure
    """
    table = style.with_languages(table)
    fig, axes = plt.subplots(1, len(values), figsize=(10, 4), sharey=True, squeeze=False)
    for ax, (value, name) in zip(axes[0], values.items(), strict=True):
        colors = table["resource_band"].map(BAND_COLORS)
        ax.scatter(table["tokens"], table[value], s=24, c=colors, linewidths=0)
        above, under = (5, "left", "bottom"), (-5, "right", "top")
        outer = {table["tokens"].idxmax(): under, table[value].idxmin(): under}
        for row, (offset, ha, va) in (outer | {table[value].idxmax(): above}).items():
            look = {"textcoords": "offset points", "ha": ha, "va": va, "fontsize": 9}
            ax.annotate(table["name"][row], table.loc[row, ["tokens", value]], (0, offset), **look)
        ax.set(title=name, xlabel="tokens per sentence, mean")
        ax.margins(y=0.12)
    axes[0, 0].set_ylabel(ylabel)
    below: dict[str, Any] = {
        "title": "resources of the language",
        "ncols": 4,
        "loc": "outside lower center",
    }
    style.color_legend(fig, BAND_COLORS, table["resource_band"], **below)
    return style.titled(fig, title)


@drawing
def crowded_and_centred(cone: pd.DataFrame, title: str) -> Figure:
    """Unit vectors from the side, as they crowd around their mean, and along it, mean taken away.

    Parameters
    ----------
    cone : pandas.DataFrame
        Columns family, along (each vector's part along the mean direction) and, of what is left of
        it, first and second (parts along its two directions of greatest spread).
    title : str

    Returns
    -------
    matplotlib.figure.Figure
    """
    fig, (side, front) = plt.subplots(1, 2, figsize=(10, 4.9))
    colors = cone["family"].map(FAMILY_COLORS)
    side.add_patch(Circle((0, 0), 1, fill=False, edgecolor="0.6", linestyle="--"))
    for along, first, color in zip(cone["along"], cone["first"], colors, strict=True):
        side.plot([0, along], [0, first], color=color, linewidth=0.4, alpha=0.5)
    side.scatter(cone["along"], cone["first"], s=8, c=colors, linewidths=0, zorder=3)
    look = {"arrowstyle": "-|>", "linewidth": 1.6, "shrinkA": 0, "shrinkB": 0}
    side.annotate("", (cone["along"].mean(), 0), (0, 0), arrowprops=look, zorder=4)
    side.text(0.45, 0.16, "mean direction", ha="center", va="bottom")
    side.text(-0.68, -0.82, "norm 1", ha="right", va="top", color="0.4")
    side.set(title="before: the cone from the side", xlim=(-1.1, 1.15), ylim=(-1.1, 1.1))
    side.set(xlabel="along the mean direction", ylabel="first direction across it")
    front.scatter(cone["first"], cone["second"], s=12, c=colors, linewidths=0, zorder=3)
    front.plot(0, 0, "+", color="black", markersize=12, zorder=4)
    front.set(title="after: the mean taken away, magnified")
    front.set(xlabel="first direction across the mean", ylabel="second direction across it")
    side.set_aspect("equal")
    front.set_aspect("equal", adjustable="datalim")
    below: dict[str, Any] = {"title": "family", "ncols": 6, "loc": "outside lower center"}
    style.color_legend(fig, FAMILY_COLORS, cone["family"], **below)
    return style.titled(fig, title)
