"""Figures of token embeddings from tables, in the style of :mod:`ilo_helpers.plots`."""

import matplotlib.pyplot as plt
from matplotlib.ticker import MaxNLocator

from .plots import alternating, model_colors


def accuracy_by_label(table, title, xlabel="accuracy, one against the rest"):
    """A dot for each label and model, with its spread over folds.

    Parameters
    ----------
    table : pandas.DataFrame
        Columns label, model, accuracy and sd.
    title, xlabel : str

    Returns
    -------
    matplotlib.figure.Figure
    """
    order = table.groupby("label")["accuracy"].max().sort_values().index
    places = {label: place for place, label in enumerate(order)}
    fig, ax = plt.subplots(figsize=(7, 1.5 + 0.2 * len(order)))
    for model, color in model_colors(table["model"].unique()).items():
        part = table[table["model"] == model]
        y = part["label"].map(places)
        ax.errorbar(part["accuracy"], y, xerr=part["sd"], fmt="o", color=color,
                    markersize=4, label=model)  # fmt: skip
    ax.axvline(0.5, color="black", linewidth=0.8)
    ax.set_yticks(list(places.values()), list(places))
    ax.set(xlabel=xlabel)
    fig.suptitle(title, x=0.01, ha="left")
    fig.legend(loc="outside lower right", ncols=2)
    return fig


def histogram(table, value, xlabel, title):
    """Share of the tokens with each whole number, a step a model, a line at its mean.

    Parameters
    ----------
    table : pandas.DataFrame
        Columns model and ``value`` (int).
    value, xlabel, title : str

    Returns
    -------
    matplotlib.figure.Figure
    """
    fig, ax = plt.subplots(figsize=(7, 3.5))
    for model, color in model_colors(table["model"].unique()).items():
        numbers = table.loc[table["model"] == model, value]
        share = numbers.value_counts(normalize=True).reindex(
            range(1, table[value].max() + 1), fill_value=0
        )
        ax.step(share.index, share, where="mid", color=color, label=model)
        ax.fill_between(share.index, share, step="mid", color=color, alpha=0.15)
        ax.axvline(numbers.mean(), color=color, linestyle="--")
    ax.set(xlabel=xlabel, ylabel="share of the tokens", title=title, ylim=(0, None))
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.legend()
    return fig


def by_frequency(table, ylabel, title):
    """Mean and standard deviation of a measure in each part by frequency, a line a model.

    Parameters
    ----------
    table : pandas.DataFrame
        Columns model, part, mean and sd, as
        :func:`ilo_helpers.token_geometry.by_frequency` returns them.
    ylabel, title : str

    Returns
    -------
    matplotlib.figure.Figure
    """
    fig, ax = plt.subplots(figsize=(7, 3.5))
    for model, color in model_colors(table["model"].unique()).items():
        part = table[table["model"] == model]
        ax.plot(part["part"], part["mean"], color=color, marker="o", label=model)
        ax.fill_between(part["part"], part["mean"] - part["sd"], part["mean"] + part["sd"],
                        color=color, alpha=0.12)  # fmt: skip
    ax.set(xlabel="tenth of the tokens, from the most frequent", ylabel=ylabel, title=title)
    ax.set_ylim(0, None)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.legend()
    return fig


def token_maps(points, title):
    """A map of token embeddings a model, coloured by category (figure 1).

    Parameters
    ----------
    points : pandas.DataFrame
        Columns model, x, y and category.
    title : str

    Returns
    -------
    matplotlib.figure.Figure
    """
    models, categories = points["model"].unique(), sorted(points["category"].unique())
    colors = alternating(categories)
    fig, axes = plt.subplots(1, len(models), squeeze=False, figsize=(5 * len(models) + 1.5, 4.6))
    for ax, model in zip(axes[0], models, strict=True):
        part = points[points["model"] == model].sample(frac=1, random_state=0)
        ax.scatter(part["x"], part["y"], s=5, c=part["category"].map(colors), linewidths=0)
        ax.set(title=model, xticks=[], yticks=[])
    handles = [plt.Line2D([], [], marker="o", linestyle="", color=c) for c in colors.values()]
    fig.legend(handles, colors, loc="outside right center")
    fig.suptitle(title, x=0.01, ha="left")
    return fig
