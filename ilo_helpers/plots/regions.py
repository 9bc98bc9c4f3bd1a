"""Figures of notebook 4: the shared region, its fragments, and who neighbours whom."""

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from . import style
from .style import FAMILY_COLORS, MODEL_COLORS, drawing, language_label

#: Above this chance, what shuffled labels give as well is drawn hollow.
SIGNIFICANT = 0.05


@drawing
def lines_by_layer(
    tables: dict[str, pd.DataFrame],
    title: str,
    sharey: bool = False,
    chance: dict[str, float] | None = None,
    colors: dict | None = None,
) -> Figure:
    """A panel a table, with a line for each of its columns; axes begin at zero.

    Parameters
    ----------
    tables : dict of pandas.DataFrame
        By the panel's title; index layer. A column of one name has one colour in all panels.
    title : str
    sharey : bool
        One scale for all panels.
    chance : dict of str to float, optional
        By the panel's title: what lists drawn at random would give, a dotted line.
    colors : dict, optional
        Of the columns; default: in turn.

    Returns
    -------
    matplotlib.figure.Figure
    """
    look = {"figsize": (3.7 * len(tables), 3.4), "sharex": True, "sharey": sharey}
    fig, axes = plt.subplots(1, len(tables), squeeze=False, **look)
    colors = colors or style.in_turn(column for table in tables.values() for column in table)
    for ax, (name, table) in zip(axes[0], tables.items(), strict=True):
        for column in table:
            ax.plot(table[column], color=colors[column], marker="o", label=column)
        if chance:
            look = {"color": "0.4", "linestyle": ":", "label": "lists drawn at random"}
            ax.axhline(chance[name], **look)
        ax.set(title=name, ylim=(0, None))
    style.whole_numbers(*axes[0])
    style.legend_below(fig)
    return style.titled(fig, title)


@drawing
def groups_by_layer(agreement: pd.DataFrame, title: str) -> Figure:
    """Pairs of languages within groups and across them, a panel a grouping, on one scale.

    Parameters
    ----------
    agreement : pandas.DataFrame
        Of :func:`ilo_helpers.regions.rates.group_agreement`; markers are hollow where p is
        :data:`SIGNIFICANT` or more.
    title : str

    Returns
    -------
    matplotlib.figure.Figure
    """
    groups = dict(list(agreement.groupby("group", sort=False)))
    size = (3.7 * len(groups), 3.4)
    fig, axes = plt.subplots(1, len(groups), figsize=size, sharey=True, squeeze=False)
    colors = style.in_turn(["within", "across"])
    for ax, (group, part) in zip(axes[0], groups.items(), strict=True):
        unclear = part[part["p"] >= SIGNIFICANT]
        for side, color in colors.items():
            label = f"pairs {side} {'a group' if side == 'within' else 'groups'}"
            ax.plot(part["layer"], part[side], color=color, marker="o", label=label)
            look = {"color": color, "linestyle": "", "marker": "o", "markerfacecolor": "white"}
            ax.plot(unclear["layer"], unclear[side], **look)
        ax.axhline(1, color="0.4", linestyle=":", label="neighbours drawn at random")
        ax.set(title=f"by {group}", ylim=(0, None))
    axes[0, 0].set_ylabel("times chance")
    style.whole_numbers(*axes[0])
    style.legend_below(fig)
    return style.titled(fig, title)


@drawing
def shares_by_layer(shares: pd.DataFrame, title: str) -> Figure:
    """What a whole is made of at each layer: shares stacked upon one another.

    Parameters
    ----------
    shares : pandas.DataFrame
        Index layer, a column a part; rows sum to 1.
    title : str

    Returns
    -------
    matplotlib.figure.Figure
    """
    fig, ax = plt.subplots(figsize=(7.5, 3.8))
    colors = ("#cccccc", *MODEL_COLORS)[: shares.shape[1]]
    ax.stackplot(shares.index, shares.to_numpy().T, labels=shares.columns, colors=colors)
    ax.set(ylim=(0, 1), xlim=(shares.index.min(), shares.index.max()), ylabel="share of neighbours")
    style.whole_numbers(ax)
    style.legend_below(fig)
    return style.titled(fig, title)


@drawing
def bars_by_setting(
    table: pd.DataFrame, values: dict[str, str], x: str, hue: str, title: str
) -> Figure:
    """Bars side by side, with their numbers: a panel a measure.

    Parameters
    ----------
    table : pandas.DataFrame
        Columns ``x``, ``hue`` and those of ``values``; a row a bar.
    values : dict
        Panel title of each column drawn.
    x, hue : str
        Bars of one ``x`` stand together, in one colour for each ``hue``.
    title : str

    Returns
    -------
    matplotlib.figure.Figure
    """
    places = {name: place for place, name in enumerate(table[x].unique())}
    colors = style.in_turn(table[hue])
    width = 0.8 / len(colors)
    size = (5.5 * len(values), 3.6)
    fig, axes = plt.subplots(1, len(values), figsize=size, squeeze=False)
    for ax, (value, name) in zip(axes[0], values.items(), strict=True):
        for number, (kind, color, part) in enumerate(style.colored(table, hue, colors)):
            at = part[x].map(places) + width * (number - (len(colors) - 1) / 2)
            bars = ax.bar(at, part[value], width, color=color, label=kind)
            ax.bar_label(bars, fontsize=8)
        ax.set_xticks(range(len(places)), places)
        ax.set(title=name, xlabel=x)
        ax.margins(y=0.1)  # room for the numbers
        ax.grid(axis="x", visible=False)
    style.legend_below(fig)
    return style.titled(fig, title)


@drawing
def shared_by_language(table: pd.DataFrame, title: str) -> Figure:
    """How much of each language is shared, and how much of that leaves its family.

    Parameters
    ----------
    table : pandas.DataFrame
        Columns language, family, shared (share of its sentences) and crossing (share of its
        sentences that are shared and have a neighbour of another family).
    title : str

    Returns
    -------
    matplotlib.figure.Figure
    """
    table = table.sort_values("shared", kind="stable")
    names, colors = table["language"].map(language_label), table["family"].map(FAMILY_COLORS)
    fig, ax = plt.subplots(figsize=(8, 1.7 + 0.2 * len(table)))
    ax.barh(names, table["shared"], color=colors, alpha=0.4)
    ax.barh(names, table["crossing"], color=colors)
    ax.set(xlabel="share of the language's sentences", ylim=(-0.6, len(table) - 0.4))
    ax.grid(axis="y", visible=False)
    kinds = {
        "full: a neighbour of another family": "#555555",
        "pale: of the family only": "#bbbbbb",
    }
    names = [*table["family"], *kinds]
    style.color_legend(ax, FAMILY_COLORS | kinds, names, marker="s", loc="lower right")
    return style.titled(fig, title)
