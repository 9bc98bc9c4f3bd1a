"""Figures of fine-tuning: what runs change, and what decides it."""

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from .style import BAND_COLORS, colored, drawing, panels, titled, whole_numbers, with_languages


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


@drawing
def dose_response(runs: pd.DataFrame, measures: dict[str, str], title: str) -> Figure:
    """What each learning rate does: a panel a measure, a line a kind of freezing, a dot a run.

    Parameters
    ----------
    runs : pandas.DataFrame
        Columns learning_rate, freeze and the measures.
    measures : dict
        Panel title of each column drawn.
    title : str

    Returns
    -------
    matplotlib.figure.Figure
    """
    fig, axes, lowest = panels(len(measures), 3.6, 2.7)
    for ax, (measure, name) in zip(axes, measures.items(), strict=True):
        for freeze, color, part in colored(runs, "freeze"):
            ax.plot(part.groupby("learning_rate")[measure].mean(), color=color, label=freeze)
            ax.scatter(part["learning_rate"], part[measure], color=color, s=14)
        ax.set(xscale="log", title=name)
    for ax in lowest:
        ax.set_xlabel("learning rate")
    axes[0].legend(title="frozen")
    return titled(fig, title)


@drawing
def scatter_runs(
    runs: pd.DataFrame, x: str, y: str, label: str, xlabel: str, ylabel: str, title: str
) -> Figure:
    """One dot a run, coloured by what was frozen, labelled with a setting.

    Parameters
    ----------
    runs : pandas.DataFrame
        Columns freeze, ``x``, ``y`` and ``label``.
    x, y, label, xlabel, ylabel, title : str

    Returns
    -------
    matplotlib.figure.Figure
    """
    parts = colored(runs, "freeze")
    return _scatter(parts, x, y, label, "frozen", xlabel=xlabel, ylabel=ylabel, title=title)


@drawing
def scatter_languages(
    table: pd.DataFrame, x: str, y: str, xlabel: str, ylabel: str, title: str
) -> Figure:
    """One dot a language, labelled, coloured by its resource band (figure i).

    Parameters
    ----------
    table : pandas.DataFrame
        Columns language, ``x`` and ``y``.
    x, y, xlabel, ylabel, title : str

    Returns
    -------
    matplotlib.figure.Figure
    """
    table = with_languages(table[["language", x, y]]).assign(code=table["language"].str[:3])
    parts = colored(table, "resource_band", BAND_COLORS)
    return _scatter(parts, x, y, "code", "resources", xlabel=xlabel, ylabel=ylabel, title=title)


def _scatter(parts, x, y, label, legend, **titles):
    """Dots in the colour of each part, with their labels."""
    fig, ax = plt.subplots(figsize=(6, 4.5))
    for name, color, part in parts:
        ax.scatter(part[x], part[y], color=color, label=name, s=24)
        for text, *place in zip(part[label], part[x], part[y], strict=True):
            ax.annotate(text, place, xytext=(3, 3), fontsize=7, textcoords="offset points")
    ax.set(**titles)
    ax.legend(title=legend)
    return fig
