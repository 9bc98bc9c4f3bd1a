"""Figures of token embeddings: a colour a model, or a colour a category."""

import itertools

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from .style import (
    MODEL_COLORS,
    color_legend,
    colored,
    drawing,
    in_turn,
    legend_below,
    panels,
    titled,
    whole_numbers,
)


@drawing
def accuracy_by_label(table: pd.DataFrame, title: str) -> Figure:
    """A dot for each label and model, with its range over folds; models one below the other.

    Parameters
    ----------
    table : pandas.DataFrame
        Columns label, model, accuracy, low and high, as
        :func:`ilo_helpers.vocabulary.geometry.separability` returns them, best first.
    title : str

    Returns
    -------
    matplotlib.figure.Figure
    """
    order = table.groupby("label")["accuracy"].max().sort_values().index
    models = table["model"].nunique()
    fig, ax = plt.subplots(figsize=(7, 1.5 + (0.12 + 0.06 * models) * len(order)))
    for place, (model, color, part) in enumerate(colored(table, "model")):
        y = order.get_indexer(part["label"]) + 0.36 * ((models - 1) / 2 - place)
        ax.hlines(y, part["low"], part["high"], color=color, alpha=0.4)
        ax.plot(part["accuracy"], y, "o", color=color, label=model)
    ax.axvline(0.5, color="black", linewidth=0.8)
    ax.set_yticks(range(len(order)), order)
    ax.set_ylim(-0.7, len(order) - 0.3)
    ax.set_xlabel("accuracy, one against the rest (0.5: guessing)")
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
    """Mean of a measure in each part by frequency, with its 95% interval, a line a model.

    Parameters
    ----------
    table : pandas.DataFrame
        Columns model, ranking (by what tokens are ranked; a panel each), part, tokens, mean and
        sd, as :func:`ilo_helpers.vocabulary.geometry.by_frequency` returns them. The interval is
        the normal one, 1.96 sd / √tokens either way.
    ylabel, title : str

    Returns
    -------
    matplotlib.figure.Figure
    """
    rankings = dict(list(table.groupby("ranking", sort=False)))
    size = (4.6 * len(rankings), 3.8)
    fig, axes = plt.subplots(1, len(rankings), sharey=True, squeeze=False, figsize=size)
    for ax, (ranking, of) in zip(axes[0], rankings.items(), strict=True):
        for model, color, part in colored(of, "model"):
            mean, margin = part["mean"], 1.96 * part["sd"] / part["tokens"] ** 0.5
            ax.plot(part["part"], mean, color=color, marker="o", label=model)
            ax.fill_between(part["part"], mean - margin, mean + margin, color=color, alpha=0.25)
        ax.set(title=ranking, ylim=(0, None))
        whole_numbers(ax, label="tenth of the tokens, from the most frequent")
    axes[0, 0].set_ylabel(f"{ylabel}:\nmean and its 95% interval")
    legend_below(fig)
    return titled(fig, title)


@drawing
def neighbor_shares(table: pd.DataFrame, title: str) -> Figure:
    """Whose neighbours are of which category: a panel a model, a bar a category (figure 6).

    The categories that are asked about have a colour each; all others are one grey.

    Parameters
    ----------
    table : pandas.DataFrame
        Columns model, source, neighbor (categories) and mean_count, as
        :func:`ilo_helpers.vocabulary.geometry.neighbor_composition` has them, in long form.
    title : str

    Returns
    -------
    matplotlib.figure.Figure
    """
    sources = list(dict.fromkeys(table["source"]))
    colors = in_turn(sources) | {"others": "#999999"}
    models = table["model"].unique()
    shown = table.assign(
        neighbor=table["neighbor"].where(table["neighbor"].isin(sources), "others")
    )
    counts = shown.pivot_table("mean_count", ["model", "source"], "neighbor", "sum", fill_value=0)
    size = (4.6 * len(models) + 1, 1.6 + 0.45 * len(sources))
    fig, axes = plt.subplots(1, len(models), sharex=True, sharey=True, squeeze=False, figsize=size)
    for ax, model in zip(axes[0], models, strict=True):
        part = counts.loc[model].reindex(index=sources, columns=list(colors), fill_value=0)
        left = part.cumsum(axis=1) - part
        for name, color in colors.items():
            bars = ax.barh(sources, part[name], left=left[name], color=color)
            told = [f"{count:.0f}" if count >= 2.5 else "" for count in part[name]]
            ax.bar_label(bars, told, label_type="center", color="white", fontsize=9)
        ax.set(title=model, xlabel="mean number of neighbours", ylim=(len(sources) - 0.5, -0.5))
        ax.grid(visible=False)
    axes[0, 0].set_ylabel("category of the token")
    color_legend(
        fig, colors, colors, marker="s", loc="outside right center", title="of the neighbour"
    )
    return titled(fig, title)


@drawing
def by_dose(
    table: pd.DataFrame, measures: dict[str, str], lines: dict[str, dict[str, float]], title: str
) -> Figure:
    """What a training does, by its length: a panel a measure from 0, a line an arm, a dot a seed.

    Parameters
    ----------
    table : pandas.DataFrame
        Columns arm, steps (int), and the measures; a row a seed.
    measures : dict
        Panel title of each column drawn.
    lines : dict
        By measure, level lines: their names (three different ones at most) and heights.
    title : str

    Returns
    -------
    matplotlib.figure.Figure
    """
    fig, axes, lowest = panels(len(measures), 3.6, 2.7, below=0.4)
    steps = sorted(table["steps"].unique())
    levels = dict.fromkeys(name for each in lines.values() for name in each)
    styles = dict(zip(levels, ("--", ":", "-."), strict=False))
    for ax, (measure, name) in zip(axes, measures.items(), strict=True):
        for arm, color, part in colored(table, "arm"):
            x = [steps.index(each) for each in part["steps"]]
            ax.plot(part.groupby("steps")[measure].mean().to_numpy(), color=color, label=arm)
            ax.scatter(x, part[measure], color=color, s=14)
        for level, height in lines.get(measure, {}).items():
            ax.axhline(height, color="black", linestyle=styles[level], linewidth=1, label=level)
        ax.set(title=name, xticks=range(len(steps)), ylim=(0, None))
        ax.set_xticklabels(steps)
    for ax in lowest:
        ax.set_xlabel("steps of training")
    legend_below(fig)
    return titled(fig, title)


@drawing
def token_maps(points: pd.DataFrame, title: str) -> Figure:
    """A map of token embeddings a model, a colour and a mark a category (figure 1).

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
    looks = _looks(sorted(points["category"].unique()))
    fig, axes = plt.subplots(1, len(models), squeeze=False, figsize=(5 * len(models) + 1.5, 4.6))
    for ax, (model, part) in zip(axes[0], models.items(), strict=True):
        for name, look in looks.items():
            of = part[part["category"] == name]
            ax.plot(of["x"], of["y"], linestyle="", markersize=3, label=name, zorder=2, **look)
        ax.set(title=model, xticks=[], yticks=[])
    handles, labels = axes[0, 0].get_legend_handles_labels()
    fig.legend(handles, labels, loc="outside right center", markerscale=2)
    return titled(fig, title)


def _looks(names):
    """A colour and a mark for each: five hues are told apart at a glance, marks tell the rest."""
    looks = itertools.product(("o", "x", "^"), (*MODEL_COLORS[:4], "#000000"))
    return {name: {"marker": mark, "color": color}
            for name, (mark, color) in zip(names, looks, strict=False)}  # fmt: skip


@drawing
def dots_by_pair(table: pd.DataFrame, title: str, values: dict[str, str]) -> Figure:
    """Numbers of pairs of token tables, the controls among them: a row a pair.

    Figures 7 and 8.

    Parameters
    ----------
    table : pandas.DataFrame
        Columns pair (``"a · b"``), those of ``values`` and, if there are several ways, how.
    title : str
    values : dict
        What each column drawn is called; at most three.

    Returns
    -------
    matplotlib.figure.Figure
    """
    rows = table["pair"].str.replace(", ", ",\n")
    if "how" in table:
        rows = rows + "\n" + table["how"]
    fig, ax = plt.subplots(figsize=(7.5, 0.9 + 0.55 * len(rows)))
    for marker, color, (value, name) in zip("o|x", MODEL_COLORS, values.items(), strict=False):
        ax.plot(table[value], range(len(rows)), marker, color=color, label=name, markersize=8)
    ax.set_yticks(range(len(rows)), rows, fontsize="small")
    ax.set(xlim=(min(0, *table[list(values)].min()), None), ylim=(len(rows) - 0.5, -0.5))
    ax.legend(loc="best")
    return titled(fig, title)
