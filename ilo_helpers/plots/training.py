"""Figures of fine-tuning from tables, in the style of :mod:`ilo_helpers.plots`."""

import matplotlib.pyplot as plt
from matplotlib.ticker import MaxNLocator

from ..languages import language_table
from .plots import BAND_COLORS

#: Full and partly frozen training: Okabe-Ito blue and orange, then others.
FREEZE_COLORS = {"none": "#0072B2", "first-8": "#E69F00", "last-8": "#CC79A7", "lora": "#009E73"}


def change_by_layer(table, panel, ylabel, title):
    """A change by layer with its interval: a panel for each ``panel``, a line for each band.

    Figures f and g.

    Parameters
    ----------
    table : pandas.DataFrame
        Columns layer, change, low, high, group (a resource band, or ``"all"``) and ``panel``.
    panel, ylabel, title : str

    Returns
    -------
    matplotlib.figure.Figure
    """
    panels = list(table[panel].unique())
    fig, axes = plt.subplots(
        1, len(panels), figsize=(4.6 * len(panels), 3.6), sharey=True, squeeze=False
    )
    for ax, name in zip(axes[0], panels, strict=True):
        parts = dict(list(table[table[panel] == name].groupby("group")))
        for value in ["all", *(band for band in BAND_COLORS if band in parts)]:
            part, color = parts[value], BAND_COLORS.get(value, "black")
            ax.plot(part["layer"], part["change"], color=color, label=value)
            ax.fill_between(part["layer"], part["low"], part["high"], color=color, alpha=0.15)
        ax.axhline(0, color="black", linewidth=0.8)
        ax.set(xlabel="layer (0 = token embeddings)", title=name)
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes[0, 0].set_ylabel(ylabel)
    axes[0, -1].legend(title="resources")
    fig.suptitle(title, x=0.01, ha="left")
    return fig


def dose_response(runs, measures, title):
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
    columns = -(-len(measures) // 2)
    fig, axes = plt.subplots(2, columns, figsize=(3.6 * columns, 5.4), sharex=True, squeeze=False)
    for ax, (measure, name) in zip(axes.ravel(), measures.items(), strict=False):
        for freeze, part in runs.groupby("freeze", sort=False):
            color = FREEZE_COLORS.get(freeze, "#000000")
            mean = part.groupby("learning_rate")[measure].mean()
            ax.plot(mean.index, mean, color=color, label=freeze)
            ax.scatter(part["learning_rate"], part[measure], color=color, s=14)
        ax.set(xscale="log", title=name)
    for ax in axes[-1]:
        ax.set_xlabel("learning rate")
    axes[0, 0].legend(title="frozen")
    fig.suptitle(title, x=0.01, ha="left")
    return fig


def scatter_runs(runs, x, y, label, xlabel, ylabel, title):
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
    fig, ax = plt.subplots(figsize=(6, 4.5))
    for freeze, part in runs.groupby("freeze", sort=False):
        ax.scatter(part[x], part[y], s=26, label=freeze, color=FREEZE_COLORS.get(freeze, "#000000"))
    for _, row in runs.iterrows():
        ax.annotate(row[label], (row[x], row[y]), xytext=(4, 3), fontsize=7,
                    textcoords="offset points")  # fmt: skip
    ax.set(xlabel=xlabel, ylabel=ylabel, title=title)
    ax.legend(title="frozen")
    return fig


def scatter_languages(table, x, y, xlabel, ylabel, title):
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
    bands = table["language"].map(language_table(list(table["language"]))["resource_band"])
    fig, ax = plt.subplots(figsize=(6, 4.5))
    for band in [band for band in BAND_COLORS if band in set(bands)]:
        part = table[bands == band]
        ax.scatter(part[x], part[y], color=BAND_COLORS[band], label=band, s=22)
    for _, row in table.iterrows():
        ax.annotate(row["language"][:3], (row[x], row[y]), xytext=(3, 3), fontsize=7,
                    textcoords="offset points")  # fmt: skip
    ax.set(xlabel=xlabel, ylabel=ylabel, title=title)
    ax.legend(title="resources")
    return fig
