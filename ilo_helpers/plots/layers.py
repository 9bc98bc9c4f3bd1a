"""Figures from tables: one style, one palette a grouping, numbers saved beside the picture.

Every function takes a table, returns a :class:`matplotlib.figure.Figure` and shows nothing.
"""

import functools
import itertools

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib import font_manager, patheffects
from matplotlib.colors import PowerNorm
from matplotlib.ticker import MaxNLocator

from ..keep.paths import PACKAGE
from ..languages import BANDS, language_table

#: Resource bands: three of the Okabe-Ito colours.
BAND_COLORS = {"high": "#0072B2", "middle": "#E69F00", "low": "#CC3311", "unknown": "#999999"}
#: Families: Tol's 'muted' scheme, made for colour-blind readers, and black.
FAMILY_COLORS = {
    "Germanic": "#332288",
    "Romance": "#88CCEE",
    "Slavic": "#44AA99",
    "Celtic": "#117733",
    "Indo-Aryan": "#CC6677",
    "Dravidian": "#882255",
    "Austronesian": "#DDCC77",
    "Kra-Dai": "#999933",
    "Sinitic": "#AA4499",
    "Japonic": "#000000",
    "Atlantic-Congo": "#B8723B",
    "unknown": "#999999",
}
#: Models side by side: Okabe-Ito, in the order they are named.
MODEL_COLORS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00")
SCORES = {"ilo": "ILO", "bridge": "bridge B", "reach": "reach R"}


def use_style():
    """Set the suite's style, and fall back to the Noto fonts installed for other scripts."""
    plt.style.use(PACKAGE / "plots" / "ilo.mplstyle")
    plt.rcParams["font.family"] = ["DejaVu Sans", *_noto_fonts()]


def language_label(code):
    """English name and, where an installed font can draw it, the language's own name."""
    row = language_table([code]).iloc[0]
    if row["own_name"] == row["name"] or not {*map(ord, row["own_name"])} <= _drawable():
        return row["name"]
    return f"{row['name']} · {row['own_name']}"


def bars_by_language(table, value, xlabel, title):
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
    fig, ax = plt.subplots(figsize=(7, 1.5 + 0.2 * len(table)))
    ax.barh(
        [language_label(code) for code in table["language"]],
        table[value],
        color=table["family"].map(FAMILY_COLORS).fillna(FAMILY_COLORS["unknown"]),
    )
    ax.set(xlabel=xlabel, title=title, ylim=(-0.6, len(table) - 0.4))
    ax.grid(axis="y", visible=False)
    handles = [
        plt.Rectangle((0, 0), 1, 1, color=color)
        for family, color in FAMILY_COLORS.items()
        if family in set(table["family"])
    ]
    families = [family for family in FAMILY_COLORS if family in set(table["family"])]
    ax.legend(handles, families, loc="lower right")
    return fig


def lines_by_layer(
    table, value, hue, ylabel, title, style=None, colors=None, band=("pi", 100), log=False
):
    """Mean of ``value`` over a table's rows at each layer, a line for each ``hue``.

    Parameters
    ----------
    table : pandas.DataFrame
        Columns layer, ``value``, ``hue`` and, if named, ``style``.
    value, hue, ylabel, title : str
    style : str, optional
        Column that decides the dashes.
    colors : dict, optional
        Colour of each value of ``hue``, which also orders them.
    band : tuple or None
        seaborn's ``errorbar``; default: from the least to the greatest.
    log : bool
        Logarithmic axis; otherwise it begins at zero.

    Returns
    -------
    matplotlib.figure.Figure
    """
    fig, ax = plt.subplots(figsize=(7.5, 3.8))
    colors = colors and {key: c for key, c in colors.items() if key in set(table[hue])}
    sns.lineplot(
        table, x="layer", y=value, hue=hue, style=style, palette=colors, marker=None,
        hue_order=colors and list(colors), errorbar=band, err_kws={"alpha": 0.12}, ax=ax,
    )  # fmt: skip
    ax.set(ylabel=ylabel, title=title, xlabel="layer (0 = token embeddings)")
    if log:
        ax.set_yscale("log")
    else:
        ax.set_ylim(bottom=min(0, ax.get_ylim()[0]))
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    return fig


def ilo_by_layer(scores, title):
    """ILO, bridge and reach by layer: mean and range within each resource band (figure b)."""
    table = scores.join(language_table(list(scores["language"].unique())), on="language")
    colors = {band: BAND_COLORS[band] for band in [*BANDS, "unknown"]
              if band in set(table["resource_band"])}  # fmt: skip
    fig, axes = plt.subplots(1, 3, figsize=(11, 3.5), sharex=True, sharey=True)
    for ax, (value, label) in zip(axes, SCORES.items(), strict=True):
        sns.lineplot(
            table, x="layer", y=value, hue="resource_band", hue_order=list(colors),
            palette=colors, errorbar=("pi", 100), err_kws={"alpha": 0.12}, ax=ax,
            legend=ax is axes[0],
        )  # fmt: skip
        mean = table.groupby("layer")[value].mean()
        ax.plot(mean.index, mean, color="black", linestyle="--", label="all languages")
        ax.set(title=label, xlabel="layer (0 = token embeddings)", ylabel="", ylim=(0, 1))
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes[0].legend(title="resources of the language")
    fig.suptitle(title, x=0.01, ha="left")
    return fig


def heatmap_by_layer(scores, title):
    """Layers × languages, one panel each for ILO, bridge and reach (figure c)."""
    order = scores.groupby("language")["ilo"].mean().sort_values(ascending=False).index
    fig, axes = plt.subplots(1, 3, figsize=(12.5, 1.5 + 0.2 * len(order)), sharey=True)
    for ax, (value, label) in zip(axes, SCORES.items(), strict=True):
        grid = scores.pivot(index="language", columns="layer", values=value).loc[order]
        sns.heatmap(
            grid, vmin=0, vmax=1, cmap="viridis", ax=ax, cbar=ax is axes[2],
            yticklabels=[language_label(code) for code in order],
            xticklabels=max(1, grid.shape[1] // 6),
        )  # fmt: skip
        ax.set(title=label, xlabel="layer", ylabel="")
        ax.tick_params(axis="x", rotation=0)
        ax.grid(visible=False)
    fig.suptitle(title, x=0.01, ha="left")
    return fig


def ilo_by_group(scores, title, groups=("family", "region", "script")):
    """One dot a language at one layer, by family, region and script; a bar at the mean (figure d).

    ``scores`` holds one layer.
    """
    table = scores.join(language_table(list(scores["language"].unique())), on="language")
    heights = [table[group].nunique() for group in groups]
    fig, axes = plt.subplots(1, len(groups), figsize=(12, 1.8 + 0.25 * max(heights)), sharex=True)
    for ax, group in zip(axes, groups, strict=True):
        means = table.groupby(group)["ilo"].mean().sort_values(ascending=False)
        places = {name: place for place, name in enumerate(means.index)}
        ax.scatter(means, places.values(), marker="|", s=220, color="black", linewidths=2)
        ax.scatter(
            table["ilo"], table[group].map(places), s=26, alpha=0.85,
            c=table["resource_band"].map(BAND_COLORS),
        )  # fmt: skip
        ax.set_yticks(list(places.values()), list(places))
        ax.set(title=group, xlabel="ILO", ylim=(len(places) - 0.5, -0.5), xlim=(-0.03, 1))
    bands = [band for band in BAND_COLORS if band in set(table["resource_band"])]
    handles = [plt.Line2D([], [], marker="o", linestyle="", color=BAND_COLORS[b]) for b in bands]
    axes[-1].legend(handles, bands, title="resources", loc="lower right")
    fig.suptitle(title, x=0.01, ha="left")
    return fig


def ablation(table, title):
    """Mean ILO by layer for every k (colour) and tau (panel) (figure e)."""
    taus = sorted(table["tau"].unique())
    fig, axes = plt.subplots(1, len(taus), figsize=(2.4 * len(taus) + 2, 3.2), sharey=True)
    means = table.groupby(["tau", "k", "layer"], as_index=False)["ilo"].mean()
    for ax, tau in zip(axes.flat if len(taus) > 1 else [axes], taus, strict=True):
        sns.lineplot(
            means[means["tau"] == tau], x="layer", y="ilo", hue="k", palette="viridis_r",
            hue_norm=(1, table["k"].max()), legend="full" if tau == taus[0] else False, ax=ax,
        )  # fmt: skip
        ax.set(title=f"τ = {tau}", ylim=(0, 1), ylabel="mean ILO over languages")
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    fig.axes[0].get_legend().remove()
    handles, labels = fig.axes[0].get_legend_handles_labels()
    fig.legend(handles, labels, title="k", loc="outside right center")
    fig.suptitle(title, x=0.01, ha="left")
    return fig


def alternating(values):
    """A colour for each value, from round the colour circle, neighbours unlike in lightness."""
    palettes = [sns.husl_palette(len(values), l=lightness) for lightness in (0.4, 0.7)]
    return {value: palettes[place % 2][place] for place, value in enumerate(values)}


def maps(points, hue, title, colors=None, threads=None):
    """2-D maps of the sentence vectors: a row a method, a column a layer (figure a).

    Parameters
    ----------
    points : pandas.DataFrame
        Columns method, layer, language, sentence, x, y and ``hue``.
    hue : str
        ``"family"``, ``"script"``, ``"language"`` … Languages get their codes at the median of
        their points instead of a legend: nobody tells 31 colours apart.
    title : str
    colors : dict, optional
        Colour of each value of ``hue``.
    threads : dict, optional
        Colour of sentences whose translations are joined by thin lines, to their median.

    Returns
    -------
    matplotlib.figure.Figure
    """
    methods, layers = points["method"].unique(), points["layer"].unique()
    values = list(points[hue].unique())
    colors = colors or alternating(values)
    direct = hue == "language"
    fig, axes = plt.subplots(
        len(methods), len(layers), squeeze=False,
        figsize=(3.6 * len(layers) + 2 * (not direct), 3.2 * len(methods)),
    )  # fmt: skip
    for (method, layer), part in points.groupby(["method", "layer"], sort=False, observed=True):
        ax = axes[list(methods).index(method), list(layers).index(layer)]
        part = part.sample(frac=1, random_state=0)  # so that no group is painted over
        for sentence, color in (threads or {}).items():
            ends = part.loc[part["sentence"] == sentence, ["x", "y"]]
            for _, end in ends.iterrows():
                ax.plot(*zip(ends.median(), end, strict=True), color=color, linewidth=0.4)
        ax.scatter(part["x"], part["y"], s=5, c=part[hue].map(colors), linewidths=0, zorder=2)
        ax.set(title=f"{method}, layer {layer}", xticks=[], yticks=[])
        if direct:
            _name_languages(ax, part)
    if not direct:
        shown = [value for value in colors if value in values]
        handles = [plt.Line2D([], [], marker="o", linestyle="", color=colors[v]) for v in shown]
        fig.legend(handles, shown, loc="outside right center")
    fig.suptitle(title, x=0.01, ha="left")
    return fig


def _name_languages(ax, part):
    """Codes at the median of each language's points, moved apart where they overlap."""
    from adjustText import adjust_text

    halo = [patheffects.withStroke(linewidth=2, foreground="white")]
    names = [
        ax.text(*center, code[:3], fontsize=8, ha="center", va="center", path_effects=halo)
        for code, center in part.groupby("language")[["x", "y"]].median().iterrows()
    ]
    adjust_text(names, ax=ax, expand=(1.05, 1.1), iter_lim=100)


def panels_by_layer(table, values, title, hue=None, style=None, colors=None, floors=None):
    """A panel for each of several measures by layer.

    Parameters
    ----------
    table : pandas.DataFrame
        Columns layer, those of ``values`` and, if named, ``hue`` and ``style``; one row for
        each layer, hue and style.
    values : dict
        Panel title of each column drawn.
    title : str
    hue, style : str, optional
        A colour for each value of the one column, a kind of line for each of the other.
    colors : dict, optional
        Colour of each value of ``hue``.
    floors : dict, optional
        For some columns of ``values``: a level to mark by a dotted line.

    Returns
    -------
    matplotlib.figure.Figure
    """
    table = table.assign(_hue=table[hue] if hue else "", _style=table[style] if style else "")
    hues = colors or dict(zip(table["_hue"].unique(), itertools.cycle(MODEL_COLORS), strict=False))
    dashes = dict(zip(table["_style"].unique(), itertools.cycle(["-", "--", "-."]), strict=False))
    columns = min(len(values), 3)
    rows = -(-len(values) // columns)
    fig, axes = plt.subplots(
        rows, columns, figsize=(3.7 * columns, 2.9 * rows + 0.5), sharex=True, squeeze=False
    )
    for ax, (value, name) in zip(axes.flat, values.items(), strict=False):
        for (kind, line), part in table.groupby(["_hue", "_style"], sort=False):
            ax.plot(part["layer"], part[value], color=hues[kind], linestyle=dashes[line],
                    marker="o", markersize=3,
                    label=", ".join(filter(None, (kind, line))))  # fmt: skip
        if floors and value in floors:
            ax.axhline(floors[value], color="0.4", linestyle=":")
        ax.set(title=name, ylim=(min(0, table[value].min()), None))
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    for ax in axes.flat[len(values) :]:
        ax.set_visible(False)
    for ax in axes[-1]:
        ax.set_xlabel("layer (0 = token embeddings)")
    if hue or style:
        handles, labels = axes[0, 0].get_legend_handles_labels()
        fig.legend(handles, labels, loc="outside lower center", ncols=min(4, len(labels)))
    fig.suptitle(title, x=0.01, ha="left")
    return fig


def ladder(table, title):
    """Measures on worlds made to order: a row a measure, a column a knob.

    Parameters
    ----------
    table : pandas.DataFrame
        Columns metric, knob, setting and value.
    title : str

    Returns
    -------
    matplotlib.figure.Figure
    """
    metrics, knobs = table["metric"].unique(), table["knob"].unique()
    fig, axes = plt.subplots(
        len(metrics), len(knobs), sharey="row", sharex="col", squeeze=False,
        figsize=(1.9 * len(knobs) + 2.5, 0.85 * len(metrics) + 1),
    )  # fmt: skip
    for row, metric in zip(axes, metrics, strict=True):
        for ax, knob in zip(row, knobs, strict=True):
            part = table[(table["metric"] == metric) & (table["knob"] == knob)]
            ax.plot(part["setting"], part["value"], color=MODEL_COLORS[0], marker="o", markersize=3)
            ax.set_ylim(min(0, part["value"].min()), 1.05)
        row[0].set_ylabel(metric, rotation=0, ha="right", va="center")
    for ax, knob in zip(axes[0], knobs, strict=True):
        ax.set_title(knob)
    fig.suptitle(title, x=0.01, ha="left")
    return fig


def rates_between_languages(ratio, title):
    """Who neighbours whom at one layer: a clustered heat map, families and scripts at its side.

    Parameters
    ----------
    ratio : xarray.DataArray
        (language, neighbor_language), of :func:`ilo_helpers.fragments.language_rates`; the
        diagonal is left out.
    title : str

    Returns
    -------
    matplotlib.figure.Figure
    """
    from scipy.cluster.hierarchy import linkage
    from scipy.spatial.distance import squareform

    codes = ratio["language"].values.tolist()
    table = language_table(codes)
    values = ratio.values.copy()
    np.fill_diagonal(values, 0)
    distance = 1 / (1 + (values + values.T) / 2)  # languages that meet often are near
    np.fill_diagonal(distance, 0)
    tree = linkage(squareform(distance, checks=False), "average", optimal_ordering=True)
    labels = [language_label(code) for code in codes]
    palettes = {
        "family": FAMILY_COLORS,
        "script": alternating(list(dict.fromkeys(table["script"]))),
    }
    sides = pd.DataFrame({name: table[name].map(colors) for name, colors in palettes.items()})
    with plt.rc_context({"figure.constrained_layout.use": False}):  # clustermap has its own
        grid = sns.clustermap(
            pd.DataFrame(values, labels, [code[:3] for code in codes]),
            mask=np.eye(len(codes), dtype=bool), row_linkage=tree, col_linkage=tree,
            row_colors=sides.set_index(pd.Index(labels)), cmap="viridis", vmin=0,
            norm=PowerNorm(0.5, vmin=0, vmax=max(1, values.max())),
            figsize=(10, 2.5 + 0.24 * len(codes)), xticklabels=1, yticklabels=1,
            dendrogram_ratio=(0.1, 0.08), cbar_pos=(0.9, 0.9, 0.02, 0.08),
            cbar_kws={"label": "times chance", "ticks": [0, 1, 5, 10, 20]},
        )  # fmt: skip
    grid.ax_heatmap.grid(visible=False)
    grid.ax_heatmap.set(xlabel="language of the neighbour", ylabel="language of the sentence")
    for place, (side, colors) in zip((0.28, 0.72), palettes.items(), strict=True):
        shown = [name for name in colors if name in set(table[side])]
        handles = [plt.Rectangle((0, 0), 1, 1, color=colors[name]) for name in shown]
        grid.figure.legend(
            handles, shown, fontsize=7, ncols=3, loc="upper center",
            bbox_to_anchor=(place, 0.0), title=side,
        )  # fmt: skip
    grid.figure.suptitle(title, x=0.01, y=1.02, ha="left")
    return grid.figure


def interactive_map(points, text, title, path):
    """A map for the browser: hovering shows a sentence, its language and its English counterpart.

    Parameters
    ----------
    points : pandas.DataFrame
        Columns language, sentence, x, y and family.
    text : pandas.DataFrame
        The corpus; sentences are cut to 80 characters.
    title : str
    path : path
        Of the HTML file; it loads plotly's script from the network.

    Returns
    -------
    plotly.graph_objects.Figure
    """
    import plotly.express as px

    home = "eng_Latn" if "eng_Latn" in text else text.columns[0]
    short = text.apply(lambda column: column.str.slice(0, 80))
    table = points.assign(
        text=[short.at[row.sentence, row.language] for row in points.itertuples()],
        english=points["sentence"].map(short[home]),
        name=points["language"].map(language_table(list(text.columns))["name"]),
    ).round({"x": 2, "y": 2})  # fmt: skip
    fig = px.scatter(
        table, x="x", y="y", color="family", color_discrete_map=FAMILY_COLORS, title=title,
        custom_data=["name", "sentence", "text", "english"], height=650,
    )  # fmt: skip
    fig.update_traces(
        marker_size=5,
        hovertemplate="%{customdata[0]}, %{customdata[1]}<br>%{customdata[2]}"
        "<br><i>%{customdata[3]}</i><extra></extra>",
    )
    fig.update_layout(template="simple_white", hoverlabel_align="left")
    fig.update_xaxes(visible=False)
    fig.update_yaxes(visible=False)
    fig.write_html(path, include_plotlyjs="cdn", div_id="map", config={"responsive": True})
    return fig


def model_colors(models):
    """A colour for each model, in the order they are named."""
    return dict(zip(models, itertools.cycle(MODEL_COLORS), strict=False))


def models_by_depth(table, title, values=SCORES):
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
    corpora = table["corpus"].unique() if "corpus" in table else [""]
    colors = model_colors(table["model"].unique())
    fig, axes = plt.subplots(
        len(corpora), len(values), sharex=True, sharey=True, squeeze=False,
        figsize=(max(11, 2.4 * len(values)), 3 * len(corpora) + 0.5),
    )  # fmt: skip
    for row, corpus in zip(axes, corpora, strict=True):
        part = table[table["corpus"] == corpus] if corpus else table
        for ax, (value, label) in zip(row, values.items(), strict=True):
            sns.lineplot(
                part, x="depth", y=value, hue="model", palette=colors, errorbar=("pi", 50),
                err_kws={"alpha": 0.15}, marker="o", markersize=4, ax=ax, legend=ax is axes[0, 0],
            )  # fmt: skip
            ax.set(title=label, xlabel="layer / number of layers", ylabel="", ylim=(0, 1))
        row[0].set_ylabel(corpus if len(corpora) > 1 else "")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    axes[0, 0].get_legend().remove()
    fig.legend(handles, labels, loc="outside lower center", ncols=len(labels))
    fig.suptitle(title, x=0.01, ha="left")
    return fig


def heatmaps(tables, title, label, vmax=None, vmin=0, fmt=".2f"):
    """A panel a table, one scale of colour for all.

    Parameters
    ----------
    tables : dict of pandas.DataFrame
        By the panel's title; rows and columns are named as in the table, NaN is left white.
    title, label : str
        Of the figure and of its scale.
    vmax, vmin : float, optional
        Ends of the scale; default: the greatest value, and 0.
    fmt : str
        Of the numbers in the cells.

    Returns
    -------
    matplotlib.figure.Figure
    """
    vmax = vmax or max(table.max(axis=None) for table in tables.values())
    rows, columns = next(iter(tables.values())).shape
    size = (3 + (1.6 + 0.5 * columns) * len(tables), 2.2 + 0.4 * rows)
    fig, axes = plt.subplots(1, len(tables), figsize=size, squeeze=False)
    for ax, (name, table) in zip(axes[0], tables.items(), strict=True):
        sns.heatmap(
            table, vmin=vmin, vmax=vmax, cmap="viridis" if vmin == 0 else "vlag", fmt=fmt, ax=ax,
            annot=True, annot_kws={"fontsize": 7}, cbar=ax is axes[0, -1],
            cbar_kws={"label": label},
        )  # fmt: skip
        ax.set(title=name)
        plt.setp(ax.get_xticklabels(), rotation=60, ha="right", rotation_mode="anchor")
        ax.tick_params(axis="y", rotation=0)
        ax.grid(visible=False)
    fig.suptitle(title, x=0.01, ha="left")
    return fig


def dots_by_language(table, value, hue, xlabel, title):
    """A dot with its interval for each language and ``hue`` (figure h).

    Parameters
    ----------
    table : pandas.DataFrame
        Columns language, ``value``, low, high and ``hue``; sorted by the first ``hue``.
    value, hue, xlabel, title : str

    Returns
    -------
    matplotlib.figure.Figure
    """
    kinds = list(table[hue].unique())
    first = table[table[hue] == kinds[-1]].sort_values(value)
    places = {code: place for place, code in enumerate(first["language"])}
    fig, ax = plt.subplots(figsize=(7.5, 1.5 + 0.24 * len(places)))
    for shift, color, kind in zip((0.2, 0, -0.2), ("#999999", "#0072B2", "#E69F00"), kinds,
                                  strict=False):  # fmt: skip
        part = table[table[hue] == kind]
        y = part["language"].map(places) + shift
        error = [part[value] - part["low"], part["high"] - part[value]]
        ax.errorbar(part[value], y, xerr=error, fmt="o", color=color, markersize=4, label=kind)
    ax.set_yticks(list(places.values()), [language_label(code) for code in places])
    ax.set(xlabel=xlabel, title=title, xlim=(0, 1))
    ax.legend(loc="lower right")
    return fig


#: Scripts of FLORES-200 that matplotlib's own font lacks.
NOTO = """Telugu Thai Devanagari Sinhala Bengali Arabic CJK_JP CJK_SC Hebrew Armenian Georgian
Ethiopic Khmer Lao Myanmar Tamil Kannada Malayalam Gujarati Gurmukhi Oriya Tibetan Tifinagh"""


@functools.cache
def _noto_fonts():
    """Those Noto Sans families that are installed (Debian: fonts-noto-core, fonts-noto-cjk)."""
    installed = {font.name for font in font_manager.fontManager.ttflist}
    wanted = [f"Noto Sans {script.replace('_', ' ')}" for script in NOTO.split()]
    return [family for family in wanted if family in installed]


@functools.cache
def _drawable():
    """Code points that the fonts in use have a glyph for."""
    points = set()
    for family in ["DejaVu Sans", *_noto_fonts()]:
        path = font_manager.findfont(font_manager.FontProperties(family=family))
        points |= set(font_manager.get_font(path).get_charmap())
    return points


use_style()
