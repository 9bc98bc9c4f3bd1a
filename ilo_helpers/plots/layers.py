"""Figures by layer: panels of lines."""

import itertools

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from . import style
from .style import BAND_COLORS, MODEL_COLORS, SCORES, drawing


@drawing
def panels_by_layer(
    table: pd.DataFrame,
    values: dict[str, str],
    title: str,
    hue: str,
    dashes: str | None = None,
    floors: dict[str, float] | None = None,
    log: bool = False,
) -> Figure:
    """A panel for each of several measures by layer, a line for each kind of rows.

    Of several rows for a layer (languages) the mean is drawn, and a band from the least to the
    greatest.

    Parameters
    ----------
    table : pandas.DataFrame
        Columns layer, ``hue``, those of ``values`` and, if named, ``dashes``.
    values : dict
        Panel title of each column drawn.
    title : str
    hue, dashes : str
        A colour for each value of the one column, a kind of line for each of the other.
    floors : dict, optional
        For some columns of ``values``: a level to mark by a dotted line.
    log : bool
        Logarithmic axes; otherwise they begin at zero.

    Returns
    -------
    matplotlib.figure.Figure
    """
    colors = style.in_turn(table[hue])
    kinds = table[dashes] if dashes else pd.Series("", table.index)
    lines = dict(zip(kinds.unique(), itertools.cycle(["-", "--", "-."]), strict=False))
    fig, axes, lowest = style.panels(len(values), 3.7, 2.9, below=0.5)
    for ax, (value, name) in zip(axes, values.items(), strict=True):
        for (group, kind), part in table.groupby([table[hue], kinds], sort=False):
            label = f"{group}, {kind}" if dashes else group
            look = {"color": colors[group], "linestyle": lines[kind], "marker": "o"}
            style.mean_line(ax, part, "layer", value, label=label, **look)
        if floors and value in floors:
            ax.axhline(floors[value], color="0.4", linestyle=":")
        ax.set(title=name, yscale="log" if log else "linear")
        ax.set_ylim(None if log else min(0, table[value].min()))
    style.whole_numbers(*lowest)
    style.legend_below(fig)
    return style.titled(fig, title)


@drawing
def ilo_by_layer(scores: pd.DataFrame, title: str, chance: dict | None = None) -> Figure:
    """ILO, bridge and reach by layer: mean and range within each resource band (figure b).

    Parameters
    ----------
    scores : pandas.DataFrame
        Columns layer, language, ilo, bridge and reach, as :func:`ilo_helpers.ilo.ilo_scores`
        returns them.
    title : str
    chance : dict of str to float, optional
        What lists drawn at random would give, of
        :func:`ilo_helpers.validity.chance.expected_scores`.

    Returns
    -------
    matplotlib.figure.Figure
    """
    table = style.with_languages(scores)
    fig, axes = plt.subplots(1, 3, figsize=(11, 3.8), sharex=True, sharey=True)
    for ax, (value, label) in zip(axes, SCORES.items(), strict=True):
        for band, color, part in style.colored(table, "resource_band", BAND_COLORS):
            style.mean_line(ax, part, "layer", value, color=color, label=band)
        mean = table.groupby("layer")[value].mean()
        ax.plot(mean, color="black", label="all languages")
        if chance:
            ax.axhline(chance[value], color="0.4", linestyle=":", label="by chance")
        ax.set(title=label, ylim=(0, 1.03))
    style.whole_numbers(*axes)
    style.legend_below(fig)
    return style.titled(fig, title)


@drawing
def ablation(table: pd.DataFrame, title: str) -> Figure:
    """Mean ILO by layer for every k (colour) and tau (panel) (figure e).

    Parameters
    ----------
    table : pandas.DataFrame
        Columns tau, k, layer and ilo.
    title : str

    Returns
    -------
    matplotlib.figure.Figure
    """
    taus, ks = dict(list(table.groupby("tau"))), sorted(table["k"].unique())
    shades = dict(zip(ks, sns.color_palette("viridis_r", len(ks)), strict=True))
    size = (2.4 * len(taus) + 2, 3.2)
    fig, axes = plt.subplots(1, len(taus), figsize=size, sharey=True, squeeze=False)
    for ax, (tau, rows) in zip(axes[0], taus.items(), strict=True):
        for k, color, part in style.colored(rows, "k", shades):
            ax.plot(part.groupby("layer")["ilo"].mean(), color=color, label=k)
        ax.set(title=f"τ = {tau}", ylim=(0, None))
    style.whole_numbers(*axes[0])
    axes[0, 0].set_ylabel("mean ILO over languages")
    style.color_legend(fig, shades, ks, title="k", loc="outside right center")
    return style.titled(fig, title)


@drawing
def models_by_depth(table: pd.DataFrame, title: str, values: dict = SCORES) -> Figure:
    """Measures of several models by relative depth, 0 to 1: a panel a measure, a row a corpus.

    Parameters
    ----------
    table : pandas.DataFrame
        Columns model, layer, those of ``values`` (in [0, 1]) and, where there are several,
        corpus. Of several rows for a layer (languages) the mean is drawn, and their quartiles.
    title : str
    values : dict
        Panel title of each column drawn.

    Returns
    -------
    matplotlib.figure.Figure
    """
    table = table.assign(depth=table["layer"] / table.groupby("model")["layer"].transform("max"))
    corpora = dict(list(table.groupby("corpus", sort=False))) if "corpus" in table else {"": table}
    colors = style.in_turn(table["model"])
    size = (max(11, 2.4 * len(values)), 3 * len(corpora) + 0.5)
    fig, axes = plt.subplots(
        len(corpora), len(values), figsize=size, sharex=True, sharey=True, squeeze=False
    )
    for row, (corpus, rows) in zip(axes, corpora.items(), strict=True):
        for ax, (value, label) in zip(row, values.items(), strict=True):
            for model, color, part in style.colored(rows, "model", colors):
                look = {"color": color, "marker": "o", "label": model}
                style.mean_line(ax, part, "depth", value, tail=0.25, **look)
            ax.set(title=label, xlabel="layer / number of layers", ylim=(0, 1))
            ax.label_outer()
        row[0].set_ylabel(corpus)
    style.legend_below(fig)
    return style.titled(fig, title)


@drawing
def weights_by_layer(table: pd.DataFrame, title: str, chance: float | None = None) -> Figure:
    """ILO and the share of translations with coarser weights: a column a number of bits.

    Parameters
    ----------
    table : pandas.DataFrame
        Columns arm (``"as it is"``, ``"rounding"``, ``"noise"``), bits, error, loss, layer, ilo,
        change, low, high (of the change) and translation, as
        :func:`ilo_helpers.validity.weights.measure` has them. The shading is the interval of the
        change, laid about the model as it is plus the change.
    title : str
    chance : float, optional
        Share of translations among neighbours drawn at random, marked by a dotted line.

    Returns
    -------
    matplotlib.figure.Figure
    """
    whole = table[table["arm"] == "as it is"].set_index("layer")
    several = sorted(set(table["bits"]) - {0}, reverse=True)
    size = (3.9 * len(several), 5.6)
    fig, axes = plt.subplots(
        2, len(several), figsize=size, sharex=True, sharey="row", squeeze=False
    )
    for column, bits in zip(axes.T, several, strict=True):
        rows = table[table["bits"] == bits]
        losses = []
        for ax, value in zip(column, ("ilo", "translation"), strict=True):
            ax.plot(whole[value], color="black", linewidth=2.5, label="as it is")
            for (arm, _), part in rows.groupby(["arm", "seed"], sort=False):
                color = MODEL_COLORS[0 if arm == "rounding" else 5]
                part = part.set_index("layer")
                ax.plot(part[value], "-" if arm == "rounding" else "--", color=color, label=arm)
                if value == "ilo":
                    ends = (whole["ilo"] + part[end] for end in ("low", "high"))
                    look = {"color": color, "alpha": 0.12, "linewidth": 0}
                    ax.fill_between(part.index, *ends, **look)
                    losses.append(f"{part['loss'].iloc[0]:.2f}")
        error = rows["error"].iloc[0]
        column[0].set_title(
            f"{bits} bits: weights moved by {error:.0%}\n"
            f"loss {whole['loss'].iloc[0]:.2f} → {' / '.join(losses)}"
        )
        column[0].fill_between([], [], [], color="0.8", label="95% of the change")
        if chance is not None:
            column[1].axhline(chance, color="0.4", linestyle=":", label="translations by chance")
    axes[0, 0].set(ylabel="mean ILO", ylim=(0, None))
    axes[1, 0].set(ylabel="translations\namong the neighbours", ylim=(0, None))
    style.whole_numbers(*axes[1])
    style.legend_below(fig)
    return style.titled(fig, title)
