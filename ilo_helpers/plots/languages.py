"""Figures by language: bars, dots, and dots in groups."""

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from . import style
from .style import BAND_COLORS, FAMILY_COLORS, MODEL_COLORS, drawing, language_label


@drawing
def bars_by_language(table: pd.DataFrame, value: str, xlabel: str, title: str) -> Figure:
    """One bar a language, longest on top, coloured by family.

    Parameters
    ----------
    table : pandas.DataFrame
        Columns language, family and ``value``.
    value, xlabel, title : str

    Returns
    -------
    matplotlib.figure.Figure
    """
    table = table.sort_values(value)
    names = table["language"].map(language_label)
    fig, ax = plt.subplots(figsize=(7, 1.5 + 0.2 * len(table)))
    ax.barh(names, table[value], color=table["family"].map(FAMILY_COLORS))
    ax.set(xlabel=xlabel, title=title, ylim=(-0.6, len(table) - 0.4))
    ax.grid(axis="y", visible=False)
    style.color_legend(ax, FAMILY_COLORS, table["family"], marker="s", loc="lower right")
    return fig


@drawing
def dots_by_language(table: pd.DataFrame, value: str, hue: str, xlabel: str, title: str) -> Figure:
    """A dot with its interval for each language and ``hue`` (figure h).

    Parameters
    ----------
    table : pandas.DataFrame
        Columns language, ``value`` (not negative), low, high and ``hue``; languages are in the
        order of the last ``hue``.
    value, hue, xlabel, title : str

    Returns
    -------
    matplotlib.figure.Figure
    """
    kinds = list(table[hue].unique())
    order = table[table[hue] == kinds[-1]].sort_values(value)["language"]
    places = {code: place for place, code in enumerate(order)}
    fig, ax = plt.subplots(figsize=(7.5, 1.5 + 0.24 * len(places)))
    colors = dict(zip(kinds, ("#999999", *MODEL_COLORS), strict=False))
    for number, (kind, color, part) in enumerate(style.colored(table, hue, colors)):
        y = part["language"].map(places) + 0.2 * ((len(kinds) - 1) / 2 - number)
        error = [part[value] - part["low"], part["high"] - part[value]]
        ax.errorbar(part[value], y, xerr=error, fmt="o", color=color, label=kind)
    ax.set_yticks(range(len(places)), map(language_label, places))
    greatest = table["high"].max()
    ax.set(xlabel=xlabel, title=title, xlim=(0, 1 if greatest <= 1 else 1.05 * greatest))
    ax.legend(loc="best")
    return fig


@drawing
def ilo_by_group(scores: pd.DataFrame, title: str) -> Figure:
    """One dot a language at one layer, by family, region and script; a bar at the mean (figure d).

    Parameters
    ----------
    scores : pandas.DataFrame
        Columns language and ilo, of one layer; family, region, script and resource_band where
        they are not those of :func:`ilo_helpers.language_table`.
    title : str

    Returns
    -------
    matplotlib.figure.Figure
    """
    table = style.with_languages(scores)
    bands, groups = table["resource_band"], ["family", "region", "script"]
    height = 1.8 + 0.25 * table[groups].nunique().max()
    fig, axes = plt.subplots(1, 3, figsize=(12, height), sharex=True)
    for ax, group in zip(axes, groups, strict=True):
        means = table.groupby(group)["ilo"].mean().sort_values(ascending=False)
        places = {name: place for place, name in enumerate(means.index)}
        ax.scatter(means, places.values(), marker="|", s=220, color="black", linewidths=2)
        y, colors = table[group].map(places), bands.map(BAND_COLORS)
        ax.scatter(table["ilo"], y, s=26, alpha=0.85, c=colors)
        ax.set_yticks(range(len(places)), places)
        ax.set(title=group, xlabel="ILO", ylim=(len(places) - 0.5, -0.5))
    style.color_legend(axes[-1], BAND_COLORS, bands, title="resources", loc="lower right")
    return style.titled(fig, title)
