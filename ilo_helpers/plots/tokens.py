"""Figures of token embeddings: a colour a model, or a colour a category."""

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from .maps import dots
from .style import alternating, color_legend, colored, drawing, titled, whole_numbers


@drawing
def accuracy_by_label(table: pd.DataFrame, title: str) -> Figure:
    """A dot for each label and model, with its spread over folds.

    Parameters
    ----------
    table : pandas.DataFrame
        Columns label, model, accuracy and sd.
    title : str

    Returns
    -------
    matplotlib.figure.Figure
    """
    order = table.groupby("label")["accuracy"].max().sort_values().index
    fig, ax = plt.subplots(figsize=(7, 1.5 + 0.2 * len(order)))
    for model, color, part in colored(table, "model"):
        y = order.get_indexer(part["label"])
        ax.errorbar(part["accuracy"], y, xerr=part["sd"], fmt="o", color=color, label=model)
    ax.axvline(0.5, color="black", linewidth=0.8)
    ax.set_yticks(range(len(order)), order)
    ax.set_xlabel("accuracy, one against the rest")
    fig.legend(loc="outside lower right", ncols=2)
    return titled(fig, title)


@drawing
def histogram(table: pd.DataFrame, value: str, xlabel: str, title: str) -> Figure:
    """Share of the tokens with each whole number, a step a model, a line at its mean.

    Parameters
    ----------
    table : pandas.DataFrame
        Columns model and ``value`` (int, from 1).
    value, xlabel, title : str

    Returns
    -------
    matplotlib.figure.Figure
    """
    fig, ax = plt.subplots(figsize=(7, 3.5))
    numbers = range(1, table[value].max() + 1)
    for model, color, part in colored(table, "model"):
        share = part[value].value_counts(normalize=True).reindex(numbers, fill_value=0)
        ax.step(share.index, share, where="mid", color=color, label=model)
        ax.fill_between(share.index, share, step="mid", color=color, alpha=0.15)
        ax.axvline(part[value].mean(), color=color, linestyle="--")
    ax.set(ylabel="share of the tokens", title=title, ylim=(0, None))
    whole_numbers(ax, label=xlabel)
    ax.legend()
    return fig


@drawing
def diversity_by_frequency(table: pd.DataFrame, ylabel: str, title: str) -> Figure:
    """Mean and standard deviation of a measure in each part by frequency, a line a model.

    Parameters
    ----------
    table : pandas.DataFrame
        Columns model, part, mean and sd, as
        :func:`ilo_helpers.vocabulary.geometry.by_frequency` returns them.
    ylabel, title : str

    Returns
    -------
    matplotlib.figure.Figure
    """
    fig, ax = plt.subplots(figsize=(7, 3.5))
    for model, color, part in colored(table, "model"):
        mean, sd = part["mean"], part["sd"]
        ax.plot(part["part"], mean, color=color, marker="o", label=model)
        ax.fill_between(part["part"], mean - sd, mean + sd, color=color, alpha=0.12)
    ax.set(ylabel=ylabel, title=title, ylim=(0, None))
    whole_numbers(ax, label="tenth of the tokens, from the most frequent")
    ax.legend()
    return fig


@drawing
def token_maps(points: pd.DataFrame, title: str) -> Figure:
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
    models = dict(list(points.groupby("model", sort=False)))
    colors = alternating(sorted(points["category"].unique()))
    fig, axes = plt.subplots(1, len(models), squeeze=False, figsize=(5 * len(models) + 1.5, 4.6))
    for ax, (model, part) in zip(axes[0], models.items(), strict=True):
        dots(ax, part, "category", colors, model)
    color_legend(fig, colors, colors, loc="outside right center")
    return titled(fig, title)
