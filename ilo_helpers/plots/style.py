"""The suite's style: colours, fonts, names of languages, and the parts that many figures share."""

import functools
import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import Any, ParamSpec

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ..keep.paths import PACKAGE
from ..languages import UNKNOWN, language_table

#: Resource bands: two of the Okabe-Ito colours, and Tol's red.
BAND_COLORS = {"high": "#0072B2", "middle": "#E69F00", "low": "#CC3311", "unknown": "#999999"}


class _WithOthers(dict):
    """Colours by name; of a name without one, the colour of the unknown."""

    def __missing__(self, name):
        return self["unknown"]


#: Families of the paper's languages: Tol's 'muted' scheme, made for colour-blind readers, and
#: black; all others have one colour.
FAMILY_COLORS = _WithOthers({
    "Germanic": "#332288", "Romance": "#88CCEE", "Slavic": "#44AA99", "Celtic": "#117733",
    "Indo-Aryan": "#CC6677", "Dravidian": "#882255", "Austronesian": "#DDCC77",
    "Kra-Dai": "#999933", "Sinitic": "#AA4499", "Japonic": "#000000",
    "Atlantic-Congo": "#B8723B", "unknown": "#999999",
})  # fmt: skip
#: Models, or other things side by side: Okabe-Ito, in the order they are named.
MODEL_COLORS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00")
SCORES = {"ilo": "ILO", "bridge": "bridge B", "reach": "reach R"}
#: Scripts of FLORES-200 that matplotlib's own font lacks.
_NOTO = """Telugu Thai Devanagari Sinhala Bengali Arabic CJK_JP CJK_SC Hebrew Armenian Georgian
Ethiopic Khmer Lao Myanmar Tamil Kannada Malayalam Gujarati Gurmukhi Oriya Tibetan Tifinagh"""
_P = ParamSpec("_P")


def use_style() -> None:
    """Set the suite's style for drawing of one's own; the figures of ``plots`` do not need it."""
    plt.style.use(_style())


def drawing(draw: Callable[_P, Figure]) -> Callable[_P, Figure]:
    """The same function, drawing in the suite's style, with the caller's left as it is."""

    @functools.wraps(draw)
    def drawn(*args: _P.args, **kwargs: _P.kwargs) -> Figure:
        with plt.style.context(_style(), after_reset=True):
            fig = draw(*args, **kwargs)
            for axis in itertools.chain(*((ax.xaxis, ax.yaxis) for ax in fig.axes)):
                axis.set_tick_params(labelsize=plt.rcParams["font.size"])  # decides how many fit
                axis.get_major_ticks(1)  # the others are made on saving, as copies of the first
                axis.get_minor_ticks(1)
        return fig

    return drawn


def language_label(code: str) -> str:
    """English name and, where an installed font can draw it, the language's own name.

    Parameters
    ----------
    code : str
        FLORES code.

    Returns
    -------
    str
        Such as ``"Russian · русский"``.

    Raises
    ------
    ValueError
        For a code that is no language.
    """
    row = language_table([code]).iloc[0]
    told = row["own_name"] not in (row["name"], UNKNOWN)
    if not told or not {*map(ord, row["own_name"])} <= _drawable():
        return row["name"]
    return f"{row['name']} · {row['own_name']}"


def alternating(values: Iterable[str]) -> dict[str, tuple]:
    """A colour for each value, from round the colour circle, neighbours unlike in lightness.

    Parameters
    ----------
    values : iterable of str
        Such as scripts.

    Returns
    -------
    dict
        RGB, three numbers from 0 to 1, of each value.
    """
    values = list(values)
    palettes = [sns.husl_palette(len(values), l=lightness) for lightness in (0.4, 0.7)]
    return {value: palettes[place % 2][place] for place, value in enumerate(values)}


def colors_of(colors: dict, values: Iterable[str]) -> dict:
    """Those colours that the values have, in the colours' order, then those of values without."""
    values = list(dict.fromkeys(values))
    first = [name for name in colors if name in values]
    return {name: colors[name] for name in [*first, *values]}


def in_turn(values: Iterable[str]) -> dict[str, str]:
    """A colour of :data:`MODEL_COLORS` for each value, in the order they come."""
    return dict(zip(dict.fromkeys(values), itertools.cycle(MODEL_COLORS), strict=False))


def colored(table: pd.DataFrame, column: str, colors: dict | None = None) -> Iterator[tuple]:
    """Name, colour (default: in turn) and rows of each value of a column, in the colours' order."""
    colors = colors or in_turn(table[column])
    parts = dict(list(table.groupby(column, observed=True)))
    return ((name, colors[name], parts[name]) for name in colors if name in parts)


def with_languages(table: pd.DataFrame) -> pd.DataFrame:
    """A table with what is known of each row's language, besides what it says itself."""
    known = language_table(list(table["language"].unique()))
    return table.join(known[known.columns.difference(table.columns)], on="language")


def panels(count: int, width: float, height: float, below: float = 0, sharex: bool = True) -> tuple:
    """Figure, panels (at most three a row), and those with none below; sizes in inches."""
    columns = min(count, 3)
    rows = -(-count // columns)
    size = (width * columns, height * rows + below) if count > 1 else (7.5, 3.8)
    fig, axes = plt.subplots(rows, columns, figsize=size, sharex=sharex, squeeze=False)
    for ax in axes.flat[count:]:
        ax.remove()
    lowest = list(axes.flat[max(0, count - columns) : count])
    for ax in lowest:
        ax.tick_params(labelbottom=True)
    return fig, list(axes.flat[:count]), lowest


def mean_line(ax: Axes, table: pd.DataFrame, x: str, y: str, tail: float = 0, **line: Any) -> None:
    """Mean of ``y`` at each ``x``, over a band without a share of the rows at either end."""
    by = table.groupby(x)[y]
    ax.plot(by.mean(), **line)
    low, high = by.quantile(tail), by.quantile(1 - tail)
    ax.fill_between(low.index, low, high, color=line["color"], alpha=0.12, linewidth=0)


def whole_numbers(*axes: Axes, label: str = "layer (0 = token embeddings)") -> None:
    """Whole numbers below the axes, and what they are."""
    for ax in axes:
        ax.set_xlabel(label)
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))


def titled(fig: Figure, title: str) -> Figure:
    """The figure, with a title that begins at its left edge."""
    fig.suptitle(title, x=0.01, ha="left")
    return fig


def color_legend(
    place: Figure | Axes, colors: dict, values: Iterable[str], marker: str = "o", **options: Any
) -> None:
    """Legend of those colours whose name is among the values; one entry for those without one."""
    shown = {name: colors[name] for name in colors if name in set(values)}
    if others := set(values) - set(colors):
        shown[f"{len(others)} other{'s' * (len(others) > 1)}"] = colors[min(others)]
    look = {"marker": marker, "markersize": 6, "linestyle": ""}
    marks = [plt.Line2D([], [], color=color, **look) for color in shown.values()]
    place.legend(marks, list(shown), **options)


def legend_below(fig: Figure, columns: int = 4) -> None:
    """What the lines of all panels are, below them, in at most so many columns."""
    found = [zip(*ax.get_legend_handles_labels()[::-1], strict=True) for ax in fig.axes]
    lines = dict(itertools.chain(*found))
    columns = min(len(lines), columns if fig.get_figwidth() > 8 else 2)
    fig.legend(lines.values(), lines, loc="outside lower center", ncols=columns)


def _style() -> list:
    return [PACKAGE / "plots" / "ilo.mplstyle", {"font.family": _fonts()}]


@functools.cache
def _fonts() -> list[str]:
    """Matplotlib's own, and the Noto Sans installed (Debian: fonts-noto-core, fonts-noto-cjk)."""
    installed = {font.name for font in font_manager.fontManager.ttflist}
    wanted = [f"Noto Sans {script.replace('_', ' ')}" for script in _NOTO.split()]
    return ["DejaVu Sans", *(family for family in wanted if family in installed)]


@functools.cache
def _drawable() -> set[int]:
    """Code points that the fonts in use have a glyph for."""
    files = [font_manager.findfont(family) for family in _fonts()]
    return {point for file in files for point in font_manager.get_font(file).get_charmap()}
