"""Maps of the sentence vectors, on paper and for the browser."""

from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib import patheffects
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..languages import language_table
from .style import FAMILY_COLORS, alternating, color_legend, drawing, titled

if TYPE_CHECKING:
    import plotly.graph_objects as go


@drawing
def sentence_maps(
    points: pd.DataFrame,
    hue: str,
    title: str,
    colors: dict | None = None,
    threads: dict | None = None,
) -> Figure:
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
        Colour of each value of ``hue``; default: :data:`FAMILY_COLORS` for families, otherwise
        from round the colour circle.
    threads : dict, optional
        Colour of sentences whose translations are joined by thin lines, to their median.

    Returns
    -------
    matplotlib.figure.Figure
    """
    methods, layers = list(points["method"].unique()), list(points["layer"].unique())
    colors = colors or (FAMILY_COLORS if hue == "family" else alternating(points[hue].unique()))
    direct = hue == "language"
    size = (3.6 * len(layers) + 2 * (not direct), 3.2 * len(methods))
    fig, axes = plt.subplots(len(methods), len(layers), figsize=size, squeeze=False)
    for (method, layer), part in points.groupby(["method", "layer"], sort=False, observed=True):
        ax = axes[methods.index(method), layers.index(layer)]
        for sentence, color in (threads or {}).items():
            ends = part.loc[part["sentence"] == sentence, ["x", "y"]]
            for _, end in ends.iterrows():
                ax.plot(*zip(ends.median(), end, strict=True), color=color, linewidth=0.4)
        dots(ax, part, hue, colors, f"{method}, layer {layer}")
        if direct:
            _name_languages(ax, part)
    if not direct:
        color_legend(fig, colors, points[hue], loc="outside right center")
    return titled(fig, title)


def dots(ax: Axes, points: pd.DataFrame, hue: str, colors: dict, title: str) -> None:
    """Points of one map, in an order that paints no group over another."""
    points = points.sample(frac=1, random_state=0)
    ax.scatter(points["x"], points["y"], s=5, c=points[hue].map(colors), linewidths=0, zorder=2)
    ax.set(title=title, xticks=[], yticks=[])


def _name_languages(ax, points):
    """Codes at the median of each language's points, moved apart where they overlap."""
    from adjustText import adjust_text

    halo = [patheffects.withStroke(linewidth=2, foreground="white")]
    names = [
        ax.text(x, y, code[:3], fontsize=8, ha="center", va="center", path_effects=halo)
        for code, (x, y) in points.groupby("language")[["x", "y"]].median().iterrows()
    ]
    adjust_text(names, ax=ax, expand=(1.05, 1.1), iter_lim=100)


def interactive_map(
    points: pd.DataFrame, text: pd.DataFrame, title: str, path: str | Path
) -> "go.Figure":
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
    fig.update_layout(xaxis_visible=False, yaxis_visible=False)
    fig.write_html(path, include_plotlyjs="cdn", div_id="map", config={"responsive": True})
    return fig
