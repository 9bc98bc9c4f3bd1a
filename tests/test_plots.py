"""Every drawing function on a small table: what stands in the axes is what stands in the table."""

import importlib
import io
import pkgutil
import subprocess
import sys
import warnings
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from matplotlib.collections import PathCollection, QuadMesh
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from ilo_helpers import language_table, plots
from ilo_helpers.plots import explorer, lessons, style

CODES = ["eng_Latn", "rus_Cyrl", "dan_Latn", "ind_Latn", "tel_Telu"]
KNOWN = language_table(CODES)
#: Palettes made for colour-blind readers: Okabe and Ito's, Tol's 'muted' and 'vibrant' red.
OKABE_ITO = {"#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442"}
TOL = {"#332288", "#88CCEE", "#44AA99", "#117733", "#CC6677", "#882255", "#DDCC77", "#999933"}
TOL |= {"#AA4499", "#CC3311"}
NEUTRAL = {"#000000", "#999999"}


@pytest.fixture(autouse=True)
def _none_shown(monkeypatch):
    """No function shows a figure."""
    monkeypatch.setattr(plt, "show", lambda *_, **__: pytest.fail("a figure is shown"))


def made(seed=0, **levels):
    """A row for each combination, with ilo, bridge and reach from 0 to 1."""
    table = pd.MultiIndex.from_product(levels.values(), names=levels).to_frame(index=False)
    rng = np.random.default_rng(seed)
    return table.assign(**{name: rng.random(len(table)) for name in ("ilo", "bridge", "reach")})


SCORES = made(layer=range(3), language=CODES)
POINTS = made(method=["PCA", "UMAP"], layer=[0, 2], language=CODES, sentence=["a", "b"])
POINTS = POINTS.rename(columns={"ilo": "x", "bridge": "y"}).join(KNOWN[["family"]], on="language")
TOKENS = made(model=["m1", "m2"], token=range(6)).rename(columns={"ilo": "x", "bridge": "y"})
TOKENS["category"] = ["LATIN", "CYRILLIC", "THAI"] * 4
LABELS = pd.DataFrame({"label": ["A", "B", "A", "B"], "model": ["m1", "m1", "m2", "m2"],
                       "accuracy": [0.9, 0.6, 0.7, 0.8], "low": [0.8, 0.4, 0.5, 0.75],
                       "high": [1, 0.7, 0.75, 1]})  # fmt: skip
COMPOSITION = pd.DataFrame({
    "model": ["m1"] * 4 + ["m2"] * 2, "source": ["LATIN", "CJK", "CJK", "CJK", "LATIN", "CJK"],
    "neighbor": ["LATIN", "CJK", "THAI", "N", "CJK", "CJK"], "mean_count": [50.0, 30, 15, 5, 2, 50],
})  # fmt: skip
DOSES = pd.DataFrame({"arm": ["p", "p", "q", "q", "q"], "steps": [0, 100, 0, 100, 100],
                      "found": [0.1, 0.5, 0.1, 0.2, 0.4], "loss": [3.0, 9, 3, 8, 8]})  # fmt: skip
COUNTS = pd.DataFrame({"model": ["m1"] * 4 + ["m2"] * 2, "categories": [1, 1, 2, 4, 3, 3]})
DECILES = pd.DataFrame({"model": ["m1", "m1", "m2", "m2"], "part": [1, 2, 1, 2],
                        "mean": [5.0, 4, 3, 2], "sd": np.array([1.0, 0.5, 0.25, 2]) / 1.96,
                        "tokens": [1, 4, 1, 16], "ranking": "R"})  # fmt: skip
KINDS = made(run=["before", "full", "frozen"], language=CODES)
KINDS = KINDS.assign(low=KINDS["ilo"] * 0.5, high=KINDS["ilo"] * 1.5)
CHANGES = made(run=["full", "frozen"], group=["all", "low", "high"], layer=range(2))
CHANGES = CHANGES.assign(change=CHANGES["ilo"], low=-1.0, high=CHANGES["ilo"] + 1)
RATIO = xr.DataArray(
    np.random.default_rng(0).random((5, 5)) * 5, dims=("language", "neighbor_language"),
    coords={"language": CODES, "neighbor_language": CODES},
)  # fmt: skip
GRID = pd.DataFrame([[0.5, -0.25], [np.nan, 1.0]], ["p", "q"], ["r", "s"])
PARTS = pd.DataFrame({"a": [0.5, 0.25], "b": [0.25, 0.5], "c": [0.25, 0.25]}).rename_axis("layer")
AGREEMENT = pd.DataFrame({
    "layer": [0, 1, 0, 1], "group": ["family", "family", "script", "script"],
    "within": [2.0, 3, 1, 1], "across": [0.5, 0.5, 0.25, 0.5], "p": [0.001, 0.001, 0.01, 0.05],
})  # fmt: skip
SETTINGS = pd.DataFrame({"layer": ["2", "2", "11", "11"], "way": [*"pqpq"], "count": [3, 27, 3, 20],
                         "most": [1280, 115, 752, 140]})  # fmt: skip
QUALITY = pd.DataFrame({
    "method": ["full space", "PCA", "UMAP"], "trustworthiness": [1, 0.9, 1.0],
    "continuity": [1, 0.8, 0.95], "kept": [1, 0.2, 0.4], "ilo": [0.25, 0.6, 0.3],
})  # fmt: skip
REGIONS = POINTS[POINTS["method"] == "UMAP"].assign(
    fragment=[0, 1, 2, 11, 1, 1, 0, 2, 2, 2] * 2, fragment_family=["Slavic", "Germanic"] * 10
)
WORLDS = made(world=["fragments", "islands", "mixed"]).assign(translation=[0.5, 0.0, 0.125])
SHARES = made(panel=["with", "without"], layer=range(3), language=CODES[:2])
SHARES = SHARES.assign(translation=SHARES["ilo"] / 2, other=SHARES["bridge"] / 2, own=0.0)
VARIANTS = ["as it is", *(name for part in lessons.CONFOUNDS.values() for name in part)]
CONFOUNDS = made(tokens=["all tokens", "without BOS"], layer=range(3), variant=VARIANTS)
SIZES = made(sentences=[100, 400], draw=range(2), score=["ilo", "bridge"])
SIZES = SIZES.assign(value=SIZES["reach"])
CURVES = made(layer=range(3)).set_index("layer")
CURVES = CURVES.assign(low=CURVES["ilo"] - 0.1, high=CURVES["ilo"] + 0.2, chance=0.3)
CURVES["P@1"] = CURVES["ilo"] / 2
SURFACE = pd.DataFrame([[0.5, np.nan], [0.75, 0.25]], [1, 5], [1, 2])
GROUPED = pd.DataFrame({"x": [0.5, -1.0, 0.0], "y": [0.0, 0.25, 1.0], "group": ["p", "q", "p"]})
GROUP_COLORS = {"p": "#0072B2", "q": "#E69F00", "none": "#000000"}
HERE = {"layer": 1, "k": 5, "tau": 2}
TOY = pd.DataFrame({"language": ["A", "B", "C"], "meaning": ["sun", "sun", "fog"],
                    "x": [1.0, 2, 8], "y": [3.0, 4, 1], "bridge": [1, 0, 0]})  # fmt: skip
TOY["bridge"] = TOY["bridge"].astype(bool)
ARROWS = pd.DataFrame({"start": [0, 0], "end": [1, 2]})
BARS = SCORES[SCORES["layer"] == 0].join(KNOWN["family"], on="language")
SHARED = BARS.assign(shared=BARS["ilo"], crossing=BARS["ilo"] / 2)

#: Every drawing function, by name, on a table that it is made for.
DRAWN = {
    "ablation": lambda: plots.ablation(made(k=[1, 2], tau=[1, 2], **LAYERS), "T"),
    "accuracy_by_label": lambda: plots.accuracy_by_label(LABELS, "T"),
    "bars_by_language": lambda: plots.bars_by_language(BARS, "ilo", "x", "T"),
    "bars_by_setting": lambda: plots.bars_by_setting(
        SETTINGS, {"count": "c", "most": "m"}, "layer", "way", "T"
    ),
    "by_dose": lambda: plots.by_dose(
        DOSES, {"found": "F", "loss": "L"}, {"found": {"chance": 0.05, "e5": 0.6}}, "T"
    ),
    "changes_by_layer": lambda: plots.changes_by_layer(CHANGES, "T"),
    "confounds_by_layer": lambda: plots.confounds_by_layer(CONFOUNDS, "T"),
    "diversity_by_frequency": lambda: plots.diversity_by_frequency(DECILES, "y", "T"),
    "dots_by_language": lambda: plots.dots_by_language(KINDS, "ilo", "run", "x", "T"),
    "explorer_figure": lambda: explorer.explorer_figure(
        {"shown": CURVES, "A": CURVES / 2}, SURFACE, GROUPED, "kind", GROUP_COLORS, HERE, "T"
    ),
    "groups_by_layer": lambda: plots.groups_by_layer(AGREEMENT, "T"),
    "heatmap_by_layer": lambda: plots.heatmap_by_layer(SCORES, "T"),
    "heatmaps": lambda: plots.heatmaps({"one": GRID, "two": GRID / 2}, "T", "ρ", vmin=-1),
    "histogram": lambda: plots.histogram(COUNTS, "categories", "x", "T"),
    "ilo_by_group": lambda: plots.ilo_by_group(SCORES[SCORES["layer"] == 1], "T"),
    "ilo_by_layer": lambda: plots.ilo_by_layer(SCORES, "T"),
    "kinds_by_layer": lambda: plots.kinds_by_layer(SHARES, "T"),
    "lines_by_layer": lambda: plots.lines_by_layer({"one": PARTS}, "T"),
    "maps_and_quality": lambda: plots.maps_and_quality(POINTS[POINTS["layer"] == 0], QUALITY, "T"),
    "models_by_depth": lambda: plots.models_by_depth(made(model=["m1", "m2"], **LAYERS), "T"),
    "neighbor_shares": lambda: plots.neighbor_shares(COMPOSITION, "T"),
    "panels_by_layer": lambda: plots.panels_by_layer(SCORES, {"ilo": "I"}, "T", "layer", log=True),
    "rates_between_languages": lambda: plots.rates_between_languages(RATIO, KNOWN, "T"),
    "region_maps": lambda: plots.region_maps(REGIONS, "T"),
    "score_bars": lambda: plots.score_bars(WORLDS, "T"),
    "scores_by_size": lambda: plots.scores_by_size(SIZES, "T"),
    "shared_by_language": lambda: plots.shared_by_language(SHARED, "T"),
    "shares_by_layer": lambda: plots.shares_by_layer(PARTS, "T"),
    "token_maps": lambda: plots.token_maps(TOKENS, "T"),
    "toy_figure": lambda: explorer.toy_figure(TOY, ARROWS, "told", "T"),
}  # fmt: skip
LAYERS = {"layer": range(3), "language": CODES}


def titles(fig):
    return [ax.get_title(loc="left") for ax in fig.axes]


def lines(ax):
    """Points and colour of every line with a name."""
    return {
        line.get_label(): (*np.transpose(line.get_xydata()).tolist(), line.get_color())
        for line in ax.get_lines()
        if not line.get_label().startswith("_")
    }


def band(ax, number):
    """Lower and upper edge of a filled band, by the place on the axis."""
    vertices = ax.collections[number].get_paths()[0].vertices
    edges = pd.Series(vertices[:, 1]).groupby(vertices[:, 0]).agg(["min", "max"])
    return edges["min"].tolist(), edges["max"].tolist()


def dots(ax):
    """Places and colours of all dots."""
    return [
        (tuple(np.round(place, 9)), to_hex(color).upper())
        for drawn in ax.collections
        if isinstance(drawn, PathCollection)
        for place, color in zip(
            drawn.get_offsets().data,
            np.resize(drawn.get_facecolor(), (len(drawn.get_offsets()), 4)), strict=True,
        )
    ]  # fmt: skip


def mesh(ax):
    """Numbers behind the cells of a heat map."""
    (found,) = (drawn for drawn in ax.collections if isinstance(drawn, QuadMesh))
    return found.get_array().filled(np.nan).reshape(found.get_coordinates().shape[0] - 1, -1)


def names(axis):
    return [label.get_text() for label in axis.get_ticklabels()]


def legend(of):
    found = of.get_legend() if hasattr(of, "get_legend") else of.legends[0]
    return {
        text.get_text(): to_hex(handle.get_color()).upper()
        for text, handle in zip(found.get_texts(), found.legend_handles, strict=True)
    }


def drawing_functions():
    """Names of all that ``plots`` exports or its modules decorate with ``@drawing``."""
    modules = [importlib.import_module(f"{plots.__name__}.{each.name}")
               for each in pkgutil.iter_modules(plots.__path__)]  # fmt: skip
    decorated = {
        name for module in modules for name, each in vars(module).items()
        if hasattr(each, "__wrapped__") and each.__module__ == module.__name__ and name[0] != "_"
    }  # fmt: skip
    exported = {name for name, each in vars(plots).items() if callable(each) and name[0] != "_"}
    return decorated | exported - {"alternating", "language_label", "use_style"}


def test_every_drawing_function_is_in_the_tests():
    here = Path(__file__)
    others = "".join(path.read_text() for path in here.parent.glob("test_*.py") if path != here)
    assert set(DRAWN) <= drawing_functions()
    # a module of plots may have a test file of its own
    assert [name for name in drawing_functions() - set(DRAWN) if f"{name}(" not in others] == []


@pytest.mark.parametrize("name", DRAWN)
def test_a_figure_is_drawn_without_a_warning_and_leaves_the_users_style(name):
    with mpl.rc_context({"lines.linewidth": 7, "font.size": 3, "axes.grid": False}):
        before = dict(mpl.rcParams)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            fig = DRAWN[name]()
            fig.canvas.draw()
        assert isinstance(fig, Figure) and plt.get_fignums() == [fig.number]
        assert "T" in [*titles(fig), fig.get_suptitle()]
        assert dict(mpl.rcParams) == before


@pytest.mark.parametrize("name", ["panels_by_layer", "heatmaps", "ilo_by_group", "token_maps"])
def test_the_picture_is_the_same_whatever_the_users_style(name):
    def picture():
        file = io.BytesIO()
        DRAWN[name]().savefig(file, format="png", dpi=50, bbox_inches="tight")
        return file.getvalue()

    plain = picture()
    wild = {
        "axes.facecolor": "black", "axes.grid": False, "axes.titlesize": 30, "font.size": 20,
        "font.family": "serif", "lines.linewidth": 9, "grid.color": "red", "xtick.color": "red",
        "xtick.labelsize": 20, "xtick.minor.size": 20, "xtick.direction": "in", "ytick.right": True,
        "figure.constrained_layout.use": False, "image.cmap": "jet", "figure.dpi": 30,
    }  # fmt: skip
    with mpl.rc_context(wild):
        assert picture() == plain


def test_the_users_style_comes_back_after_an_error():
    before = dict(mpl.rcParams)
    with pytest.raises(KeyError):
        plots.ilo_by_layer(SCORES.drop(columns="reach"), "T")
    assert dict(mpl.rcParams) == before


@pytest.mark.slow
def test_import_sets_no_style_and_loads_no_model_library():
    code = """
        import matplotlib, sys
        before = dict(matplotlib.rcParams)
        import ilo_helpers.plots
        assert dict(matplotlib.rcParams) == before
        assert not {"torch", "transformers", "plotly"} & set(sys.modules)
    """
    subprocess.run([sys.executable, "-c", "\n".join(map(str.strip, code.split("\n")))], check=True)


def test_use_style_sets_the_style_for_ones_own_drawing():
    with mpl.rc_context():
        plots.use_style()
        assert mpl.rcParams["figure.constrained_layout.use"] and mpl.rcParams["axes.grid"]
        assert mpl.rcParams["font.family"][0] == "DejaVu Sans"
        assert mpl.rcParams["savefig.bbox"] == "tight"


def test_palettes_are_made_for_colour_blind_readers():
    assert set(plots.MODEL_COLORS) <= OKABE_ITO
    assert set(style.BAND_COLORS.values()) <= OKABE_ITO | TOL | NEUTRAL
    assert set(plots.FAMILY_COLORS.values()) <= TOL | NEUTRAL | {"#B8723B"}
    assert len(set(plots.FAMILY_COLORS.values())) == len(plots.FAMILY_COLORS)
    paper = language_table()
    assert set(paper["family"]) | {"unknown"} == set(plots.FAMILY_COLORS)
    assert set(paper["resource_band"]) | {"unknown"} == set(style.BAND_COLORS)


def test_neighbouring_colours_of_the_circle_differ_in_lightness():
    colors = plots.alternating(["a", "b", "c", "d"])
    assert list(colors) == ["a", "b", "c", "d"] and len(set(colors.values())) == 4
    light = [np.dot(color, [0.2126, 0.7152, 0.0722]) for color in colors.values()]
    assert min(light[1], light[3]) > max(light[0], light[2])


def test_own_names_only_where_a_font_can_draw_them(monkeypatch):
    assert plots.language_label("eng_Latn") == "English"
    assert plots.language_label("rus_Cyrl") == "Russian · русский"
    monkeypatch.setattr(style, "_drawable", lambda: {*map(ord, "abc")})
    assert plots.language_label("tel_Telu") == "Telugu"


# by layer


def test_lines_show_the_means_of_the_bands_and_their_range():
    fig = plots.ilo_by_layer(SCORES, "T")
    assert titles(fig) == ["ILO", "bridge B", "reach R"]
    bands = SCORES.join(KNOWN["resource_band"], on="language")
    by = bands.groupby(["resource_band", "layer"])
    for ax, score in zip(fig.axes, ("ilo", "bridge", "reach"), strict=True):
        drawn = lines(ax)
        assert list(drawn) == ["high", "middle", "low", "all languages"]
        for number, name in enumerate(["high", "middle", "low"]):
            assert drawn[name][1] == pytest.approx(by[score].mean()[name].tolist())
            assert drawn[name][2] == style.BAND_COLORS[name]
            low, high = band(ax, number)
            assert low == pytest.approx(by[score].min()[name].tolist())
            assert high == pytest.approx(by[score].max()[name].tolist())
        mean = SCORES.groupby("layer")[score].mean()
        assert drawn["all languages"] == ([0, 1, 2], pytest.approx(mean.tolist()), "black")
        assert ax.get_xlabel() == "layer (0 = token embeddings)"


def test_chance_is_a_dotted_line_a_panel():
    chance = {"ilo": 0.25, "bridge": 0.5, "reach": 0.75}
    fig = plots.ilo_by_layer(SCORES, "T", chance)
    for ax, level in zip(fig.axes, chance.values(), strict=True):
        (dotted,) = (line for line in ax.get_lines() if line.get_linestyle() == ":")
        assert dotted.get_ydata() == [level, level] and dotted.get_label() == "by chance"
    assert list(legend(fig))[-1] == "by chance"
    assert "by chance" not in legend(plots.ilo_by_layer(SCORES, "T"))


def test_ablation_draws_a_panel_a_tau_and_a_line_a_k():
    table = made(k=[1, 2, 5], tau=[1, 2], **LAYERS)
    table = table[table["tau"] <= table["k"]]
    fig = plots.ablation(table, "T")
    assert titles(fig) == ["τ = 1", "τ = 2"]
    means = table.groupby(["tau", "k", "layer"])["ilo"].mean()
    for ax, tau in zip(fig.axes, (1, 2), strict=True):
        drawn = lines(ax)
        assert list(drawn) == [str(k) for k in (1, 2, 5) if k >= tau]
        for k, (x, y, color) in drawn.items():
            assert x == [0, 1, 2] and y == pytest.approx(means[tau, int(k)].tolist())
            assert to_hex(color).upper() == legend(fig)[k]
    assert list(legend(fig)) == ["1", "2", "5"]


def test_panels_by_layer_draw_a_line_for_each_colour_and_dash():
    table = made(model=["m1", "m2"], lists=["with", "without"], layer=[0, 1, 2])
    values = {"ilo": "I", "bridge": "B", "reach": "R", "more": "M"}
    table = table.assign(more=table["ilo"] - 1)
    fig = plots.panels_by_layer(table, values, "T", "model", dashes="lists", floors={"reach": 0.3})
    assert titles(fig) == ["I", "B", "R", "M"]
    look = dict(zip(["m1", "m2"], plots.MODEL_COLORS, strict=False))
    for ax, value in zip(fig.axes, values, strict=True):
        named = [line for line in ax.get_lines() if "," in line.get_label()]
        parts = list(table.groupby(["model", "lists"]))
        for line, ((model, kind), part) in zip(named, parts, strict=True):
            assert line.get_label() == f"{model}, {kind}"
            assert line.get_ydata().tolist() == part[value].tolist()
            assert line.get_color() == look[model]
            assert line.get_linestyle() == {"with": "-", "without": "--"}[kind]
        assert ax.get_ylim()[0] == pytest.approx(min(0, table[value].min()))
    dotted = [line for ax in fig.axes for line in ax.get_lines() if line.get_linestyle() == ":"]
    assert [line.get_ydata()[0] for line in dotted] == [0.3] and dotted[0].axes is fig.axes[2]
    # three a row: the fourth stands below the first, and the two beside it have an axis as well
    assert [bool(ax.get_xlabel()) for ax in fig.axes] == [False, True, True, True]
    assert list(legend(fig)) == ["m1, with", "m1, without", "m2, with", "m2, without"]


def test_panels_by_layer_draw_the_mean_and_range_of_several_rows():
    table = pd.DataFrame({"layer": [0, 0, 1, 1], "of": "a", "norm": [1.0, 3, 10, 1000]})
    fig = plots.panels_by_layer(table, {"norm": "n"}, "T", "of", log=True)
    assert lines(fig.axes[0]) == {"a": ([0, 1], [2, 505], plots.MODEL_COLORS[0])}
    assert fig.axes[0].get_yscale() == "log"
    assert band(fig.axes[0], 0) == ([1, 10], [3, 1000])


def test_models_are_drawn_by_relative_depth_a_row_a_corpus():
    table = pd.concat([
        made(corpus=["udhr", "flores"], model=["m1"], layer=range(3), language=CODES),
        made(corpus=["udhr"], model=["m2"], layer=range(5), language=CODES, seed=1),
    ])  # fmt: skip
    fig = plots.models_by_depth(table, "T", {"ilo": "I", "reach": "R"})
    assert titles(fig) == ["I", "R", "I", "R"]
    assert [ax.get_ylabel() for ax in fig.axes] == ["udhr", "", "flores", ""]
    by = table.groupby(["corpus", "model", "layer"])["reach"]
    drawn = lines(fig.axes[1])
    assert drawn["m1"][0] == [0, 0.5, 1] and drawn["m2"][0] == [0, 0.25, 0.5, 0.75, 1]
    assert drawn["m2"][1] == pytest.approx(by.mean()["udhr", "m2"].tolist())
    low, high = band(fig.axes[1], 1)
    assert low == pytest.approx(by.quantile(0.25)["udhr", "m2"].tolist())
    assert high == pytest.approx(by.quantile(0.75)["udhr", "m2"].tolist())
    assert list(lines(fig.axes[3])) == ["m1"]
    assert legend(fig) == dict(zip(["m1", "m2"], plots.MODEL_COLORS, strict=False))


# by language


def test_bars_are_as_long_as_the_numbers_and_coloured_by_family():
    (ax,) = plots.bars_by_language(BARS, "ilo", "tokens", "T").axes
    order = BARS.sort_values("ilo")
    assert [bar.get_width() for bar in ax.patches] == order["ilo"].tolist()
    assert names(ax.yaxis) == [plots.language_label(code) for code in order["language"]]
    colors = [to_hex(bar.get_facecolor()).upper() for bar in ax.patches]
    assert colors == order["family"].map(plots.FAMILY_COLORS).tolist()
    families = [name for name in plots.FAMILY_COLORS if name in set(BARS["family"])]
    assert legend(ax) == {name: plots.FAMILY_COLORS[name] for name in families}
    assert ax.get_xlabel() == "tokens"


def test_dots_beyond_one_are_in_view():
    table = KINDS.assign(ilo=4 * KINDS["ilo"] + 3, low=2.0, high=8.0)
    assert plots.dots_by_language(table, "ilo", "run", "x", "T").axes[0].get_xlim() == (0, 8.4)
    assert plots.dots_by_language(KINDS.assign(high=1.0), "ilo", "run", "x", "T").axes[
        0
    ].get_xlim() == (0, 1)


@pytest.mark.parametrize("kinds", [["before", "full", "frozen"], ["full"]])
def test_dots_stand_beside_the_name_with_their_intervals(kinds):
    table = KINDS[KINDS["run"].isin(kinds)]
    (ax,) = plots.dots_by_language(table, "ilo", "run", "x", "T").axes
    order = table[table["run"] == kinds[-1]].sort_values("ilo")["language"].tolist()
    assert names(ax.yaxis) == [plots.language_label(code) for code in order]
    shifts = {3: [0.2, 0, -0.2], 1: [0]}[len(kinds)]
    colors = ("#999999", *plots.MODEL_COLORS)
    for drawn, kind, shift, color in zip(ax.containers, kinds, shifts, colors, strict=False):
        part = table[table["run"] == kind]
        line, _, (interval,) = drawn.lines
        assert line.get_xdata().tolist() == part["ilo"].tolist() and line.get_color() == color
        expected = [order.index(code) + shift for code in part["language"]]
        assert line.get_ydata().tolist() == pytest.approx(expected)
        ends = np.array(interval.get_segments())[:, :, 0]
        np.testing.assert_allclose(ends, part[["low", "high"]])
    assert len(ax.containers) == len(kinds)


def test_groups_are_in_the_order_of_their_means():
    scores = SCORES[SCORES["layer"] == 1]
    fig = plots.ilo_by_group(scores, "T")
    assert titles(fig) == ["family", "region", "script"]
    table = scores.join(KNOWN, on="language")
    for ax, group in zip(fig.axes, titles(fig), strict=True):
        means = table.groupby(group)["ilo"].mean().sort_values(ascending=False)
        assert names(ax.yaxis) == means.index.tolist()
        bars, places = (drawn.get_offsets().data for drawn in ax.collections)
        assert bars.tolist() == [[mean, place] for place, mean in enumerate(means)]
        ranks = table[group].map(means.index.get_loc)
        np.testing.assert_allclose(places, np.column_stack([table["ilo"], ranks]))
        colors = [to_hex(color).upper() for color in ax.collections[1].get_facecolor()]
        assert colors == table["resource_band"].map(style.BAND_COLORS).tolist()
    shown = {
        band: c for band, c in style.BAND_COLORS.items() if band in set(table["resource_band"])
    }
    assert legend(fig.axes[2]) == shown


# heat maps


def test_layers_and_languages_are_in_the_cells():
    fig = plots.heatmap_by_layer(SCORES, "T")
    order = SCORES.groupby("language")["ilo"].mean().sort_values(ascending=False).index
    assert titles(fig)[:3] == ["ILO", "bridge B", "reach R"] and len(fig.axes) == 6
    for ax, score in zip(fig.axes, ("ilo", "bridge", "reach"), strict=False):
        grid = SCORES.pivot(index="language", columns="layer", values=score).loc[order]
        np.testing.assert_allclose(mesh(ax), grid)
        # a scale of its own, from zero, told beside it
        assert ax.collections[0].get_clim() == (0, SCORES[score].max())
        assert ax.collections[0].colorbar.ax in fig.axes[3:]
    assert names(fig.axes[0].yaxis) == [plots.language_label(code) for code in order]
    assert fig.axes[0].yaxis.get_tick_params()["labelleft"]
    assert not fig.axes[1].yaxis.get_tick_params()["labelleft"]


def test_tables_share_one_scale_of_colour():
    fig = plots.heatmaps({"one": GRID, "two": GRID / 2}, "T", "ρ", vmin=-1, fmt=".1f")
    assert titles(fig)[:2] == ["one", "two"] and fig.axes[2].get_ylabel() == "ρ"
    for ax, table in zip(fig.axes, (GRID, GRID / 2), strict=False):
        np.testing.assert_array_equal(mesh(ax), table)  # what is not known stays white
        assert ax.collections[0].get_clim() == (-1, 1)
        numbers = [f"{value:.1f}" for value in table.to_numpy().ravel() if value == value]
        assert [text.get_text() for text in ax.texts] == numbers
        assert names(ax.xaxis) == ["r", "s"] and names(ax.yaxis) == ["p", "q"]


def test_rates_are_in_the_cells_of_their_languages():
    fig = plots.rates_between_languages(RATIO, KNOWN, "T")
    (ax,) = (ax for ax in fig.axes if ax.get_xlabel() == "language of the neighbour")
    rows, columns = names(ax.yaxis), names(ax.xaxis)
    labels = {plots.language_label(code): code for code in CODES}
    shown = RATIO.sel(language=[labels[row] for row in rows]).values
    order = [[code[:3] for code in CODES].index(column) for column in columns]
    off = ~np.eye(5, dtype=bool)
    assert [labels[row][:3] for row in rows] == columns  # rows and columns in one order
    np.testing.assert_allclose(mesh(ax)[off], shown[:, order][off])
    assert np.isnan(np.diag(mesh(ax))).all()
    families, scripts = ([text.get_text() for text in each.get_texts()] for each in fig.legends)
    assert set(families) == set(KNOWN["family"]) and scripts == list(KNOWN["script"].unique())


# maps


def test_regions_are_mapped_in_three_colourings():
    fig = plots.region_maps(REGIONS, "T")
    assert titles(fig)[2::2] == ["layer 0, by family",
                                 "layer 0, shared region (rings) and fragments"]  # fmt: skip
    for column, (_, part) in zip((fig.axes[::2], fig.axes[1::2]), REGIONS.groupby("layer"),
                                 strict=True):  # fmt: skip
        assert len({color for _, color in dots(column[0])}) == len(CODES)
        for ax, rows, hue in (
            (column[1], part, "family"),
            (column[2], part[part["fragment"] > 0], "fragment_family"),
        ):
            colors = rows[hue].map(plots.FAMILY_COLORS)
            places = zip(rows["x"].round(9), rows["y"].round(9), strict=True)
            assert set(zip(places, colors, strict=True)) <= set(dots(ax))
        rings = column[2].collections[1]  # drawn after the dots
        np.testing.assert_allclose(rings.get_offsets(), part.loc[part["fragment"] == 0, ["x", "y"]])
        named = [text.get_text() for text in column[0].texts]
        assert set(named) <= {code[:3] for code in CODES}
        count = f"({len(named)} of {len(CODES)} lie together)"
        assert titles(fig)[fig.axes.index(column[0])].endswith(f"by language {count}")
        # of the fragments 1, 2 and 11 the ten largest are numbered
        assert sorted(text.get_text() for text in column[2].texts) == ["1", "2"]


def test_a_language_is_named_where_its_points_lie_together():
    spread = np.random.default_rng(0).normal(size=(40, 2))
    points = pd.DataFrame(spread, columns=["x", "y"]).assign(
        layer=0, language=["deu_Latn"] * 20 + ["ces_Latn"] * 20, sentence=[*range(20)] * 2,
        family="Slavic", fragment=0, fragment_family="Slavic",
    )  # fmt: skip
    points.loc[20:, ["x", "y"]] = 3 + 0.1 * spread[20:]
    fig = plots.region_maps(points, "T")
    assert [text.get_text() for text in fig.axes[0].texts] == ["ces"]
    assert titles(fig)[0] == "layer 0, by language (1 of 2 lie together)"


def test_maps_stand_beside_what_they_keep():
    fig = plots.maps_and_quality(POINTS[POINTS["layer"] == 0], QUALITY, "T")
    assert titles(fig) == ["PCA", "UMAP", "what each keeps"]
    ax = fig.axes[-1]
    kept = ["trustworthiness", "continuity", "neighbours kept", "mean ILO"]
    assert [label.get_text() for label in ax.get_yticklabels()] == kept
    drawn = {name: x for name, (x, _, _) in lines(ax).items()}
    assert drawn == {"PCA": [0.9, 0.8, 0.2, 0.6], "UMAP": [1, 0.95, 0.4, 0.3]}
    (full,) = (each for each in ax.collections if each.get_label() == "full space")
    assert full.get_segments()[0][:, 0].tolist() == [0.25, 0.25]


# regions


def test_lines_have_one_colour_in_all_panels():
    tables = {"one": PARTS[["a", "b"]], "two": PARTS[["b", "c"]] / 2}
    fig = plots.lines_by_layer(tables, "T", sharey=True, chance={"one": 0.5, "two": 0.25})
    assert titles(fig) == ["one", "two"]
    blue, orange, green = plots.MODEL_COLORS[:3]
    first, second = (lines(ax) for ax in fig.axes)
    assert first["a"] == ([0, 1], [0.5, 0.25], blue)
    assert first["b"] == ([0, 1], [0.25, 0.5], orange)
    assert second["b"] == ([0, 1], [0.125, 0.25], orange) and second["c"][2] == green
    assert first["lists drawn at random"][1] == [0.5, 0.5]
    assert second["lists drawn at random"][1] == [0.25, 0.25]
    assert fig.axes[0].get_ylim() == fig.axes[1].get_ylim() and fig.axes[0].get_ylim()[0] == 0
    apart = plots.lines_by_layer(tables, "T")
    assert apart.axes[0].get_ylim() != apart.axes[1].get_ylim()


def test_groups_share_one_scale_and_are_hollow_where_chance_explains_them():
    fig = plots.groups_by_layer(AGREEMENT, "T")
    assert titles(fig) == ["by family", "by script"]
    assert fig.axes[0].get_ylim() == fig.axes[1].get_ylim()
    assert lines(fig.axes[0])["pairs within a group"][:2] == ([0, 1], [2, 3])
    assert lines(fig.axes[1])["pairs across groups"][:2] == ([0, 1], [0.25, 0.5])
    hollow = [
        [line.get_xydata().tolist() for line in ax.get_lines()
         if line.get_markerfacecolor() == "white"]
        for ax in fig.axes
    ]  # fmt: skip
    assert hollow == [[[], []], [[[1, 1]], [[1, 0.5]]]]  # p = 0.05 counts as chance


def test_shares_are_stacked_to_one():
    (ax,) = plots.shares_by_layer(PARTS, "T").axes
    tops = {each.get_label(): band(ax, place)[1] for place, each in enumerate(ax.collections)}
    assert tops == {"a": [0.5, 0.25], "b": [0.75, 0.75], "c": [1, 1]}


def test_bars_of_one_setting_stand_together():
    values = {"count": "how many", "most": "largest"}
    fig = plots.bars_by_setting(SETTINGS, values, "layer", "way", "T")
    assert titles(fig) == ["how many", "largest"]
    for ax, value in zip(fig.axes, values, strict=True):
        heights = [[bar.get_height() for bar in bars] for bars in ax.containers]
        assert heights == [SETTINGS.loc[SETTINGS["way"] == way, value].tolist() for way in "pq"]
        middles = [bar.get_x() + bar.get_width() / 2 for bars in ax.containers for bar in bars]
        assert middles == pytest.approx([-0.2, 0.8, 0.2, 1.2])
        assert [text.get_text() for text in ax.texts] == [str(h) for h in np.ravel(heights)]
        assert names(ax.xaxis) == ["2", "11"]


def test_what_leaves_the_family_is_a_part_of_what_is_shared():
    (ax,) = plots.shared_by_language(SHARED, "T").axes
    order = SHARED.sort_values("shared")
    assert names(ax.yaxis) == [plots.language_label(code) for code in order["language"]]
    pale, full = ([bar.get_width() for bar in bars] for bars in ax.containers)
    assert pale == order["shared"].tolist() and full == order["crossing"].tolist()
    colors = [to_hex(bar.get_facecolor()).upper() for bar in ax.containers[1]]
    assert colors == order["family"].map(plots.FAMILY_COLORS).tolist()
    assert list(legend(ax))[-2:] == [
        "full: a neighbour of another family", "pale: of the family only"
    ]  # fmt: skip


# token embeddings


def test_labels_are_in_the_order_of_their_best_accuracy():
    fig = plots.accuracy_by_label(LABELS, "T")
    (ax,) = fig.axes
    assert names(ax.yaxis) == ["B", "A"]  # 0.8 and 0.9
    drawn = lines(ax)
    for place, model in enumerate(("m1", "m2")):
        part = LABELS[LABELS["model"] == model]
        x, y, color = drawn[model]
        assert (x, color) == (part["accuracy"].tolist(), plots.MODEL_COLORS[place])
        np.testing.assert_allclose(
            y, [1 + [0.18, -0.18][place], [0.18, -0.18][place]]
        )  # side by side
        ends = np.array(ax.collections[place].get_segments())
        np.testing.assert_allclose(ends[:, :, 0], part[["low", "high"]])
        np.testing.assert_allclose(ends[:, 0, 1], y)
    assert ax.get_lines()[-1].get_xdata() == [0.5, 0.5]
    assert [text.get_text() for text in fig.legends[0].get_texts()] == ["m1", "m2"]


def test_the_histogram_shows_shares_and_means():
    (ax,) = plots.histogram(COUNTS, "categories", "number", "T").axes
    blue, orange = plots.MODEL_COLORS[:2]
    assert lines(ax) == {
        "m1": ([1, 2, 3, 4], [0.5, 0.25, 0, 0.25], blue), "m2": ([1, 2, 3, 4], [0, 0, 1, 0], orange)
    }  # fmt: skip
    means = [line.get_xdata()[0] for line in ax.get_lines() if line.get_linestyle() == "--"]
    assert means == [2, 3] and ax.get_xlabel() == "number"


def test_diversity_by_frequency_is_a_mean_within_its_interval():
    (ax,) = plots.diversity_by_frequency(DECILES, "categories", "T").axes
    blue, orange = plots.MODEL_COLORS[:2]
    assert lines(ax) == {"m1": ([1, 2], [5, 4], blue), "m2": ([1, 2], [3, 2], orange)}
    assert band(ax, 0) == ([4, 3.75], [6, 4.25]) and band(ax, 1) == ([2.75, 1.5], [3.25, 2.5])
    assert ax.get_ylabel() == "categories:\nmean and its 95% interval"
    twice = pd.concat([DECILES, DECILES.assign(ranking="S", mean=1.0)])
    fig = plots.diversity_by_frequency(twice, "categories", "T")
    assert titles(fig) == ["R", "S"] and lines(fig.axes[1])["m2"][:2] == ([1, 2], [1, 1])


def test_token_maps_are_a_panel_a_model_in_one_set_of_colours_and_marks():
    fourteen = pd.concat([TOKENS.assign(category=f"c{number:02}") for number in range(13)])
    looks = [
        {(line.get_label(), line.get_color(), line.get_marker()) for line in ax.get_lines()}
        for ax in plots.token_maps(fourteen, "T").axes
    ]
    assert looks[0] == looks[1] and len({look[1:] for look in looks[0]}) == 13
    fig = plots.token_maps(TOKENS, "T")
    assert titles(fig) == ["m1", "m2"]
    assert [text.get_text() for text in fig.legends[0].get_texts()] == ["CYRILLIC", "LATIN", "THAI"]
    for ax, (_, part) in zip(fig.axes, TOKENS.groupby("model"), strict=True):
        for line in ax.get_lines():
            of = part[part["category"] == line.get_label()]
            np.testing.assert_array_equal(line.get_xydata(), of[["x", "y"]])


def test_neighbours_of_categories_not_asked_about_are_others():
    fig = plots.neighbor_shares(COMPOSITION, "T")
    left, right = fig.axes
    assert names(left.yaxis) == ["LATIN", "CJK"] and titles(fig) == ["m1", "m2"]
    widths = [[bar.get_width() for bar in drawn] for drawn in left.containers]
    assert widths == [[50, 0], [0, 30], [0, 20]]  # of LATIN, of CJK, of others: THAI and N
    assert [[bar.get_x() for bar in drawn] for drawn in left.containers][2] == [50, 30]
    assert [[bar.get_width() for bar in drawn] for drawn in right.containers][1] == [2, 50]
    told = [text.get_text() for text in left.texts + right.texts if text.get_text()]
    assert told == ["50", "30", "20", "50"]  # none in a part too small for it
    assert legend(fig) == dict(
        zip(["LATIN", "CJK", "others"], [*plots.MODEL_COLORS[:2], "#999999"], strict=True)
    )


def test_doses_are_a_line_an_arm_and_a_dot_a_seed():
    fig = DRAWN["by_dose"]()
    found, loss = fig.axes
    blue, orange = plots.MODEL_COLORS[:2]
    drawn = lines(found)
    assert drawn["p"] == ([0, 1], [0.1, 0.5], blue)
    np.testing.assert_allclose(drawn["q"][1], [0.1, 0.3])
    assert [drawn[name][1] for name in ("chance", "e5")] == [[0.05, 0.05], [0.6, 0.6]]
    assert sorted(lines(loss)) == ["p", "q"] and names(loss.xaxis) == ["0", "100"]
    blues, oranges = [(0, 0.1), (1, 0.5)], [(0, 0.1), (1, 0.2), (1, 0.4)]
    expected = [(at, blue) for at in blues] + [(at, orange) for at in oranges]
    assert sorted(dots(found)) == sorted(expected)
    assert titles(fig) == ["F", "L"] and loss.get_xlabel() == "steps of training"
    assert [ax.get_ylim()[0] for ax in fig.axes] == [0, 0]


# training


def test_change_is_drawn_a_panel_a_run_and_a_line_a_band():
    rows = [(run, group, layer, change) for run, sign in {"full": 1, "frozen": -1}.items()
            for group, size in {"all": 1, "low": 2, "high": 3}.items()
            for layer, change in enumerate((0, sign * size))]  # fmt: skip
    table = pd.DataFrame(rows, columns=["run", "group", "layer", "change"])
    table = table.assign(low=table["change"] - 1, high=table["change"] + 1)
    fig = plots.changes_by_layer(table, "T")
    assert titles(fig) == ["full", "frozen"]
    drawn = lines(fig.axes[1])
    assert {name: y[1] for name, (_, y, _) in drawn.items()} == {"all": -1, "high": -3, "low": -2}
    assert [color for *_, color in drawn.values()] == ["black", "#0072B2", "#CC3311"]
    assert band(fig.axes[1], 1) == ([-1, -4], [1, -2])
    assert list(legend(fig.axes[1])) == ["all", "high", "low"]
    assert fig.axes[0].get_ylabel() == "change of mean ILO (jackknife 95%)"


def test_bars_of_the_scores_stand_side_by_side():
    (ax,) = plots.score_bars(WORLDS, "T").axes
    columns = ["bridge", "reach", "ilo", "translation"]
    for drawn, column in zip(ax.containers, columns, strict=True):
        assert [bar.get_height() for bar in drawn] == WORLDS[column].tolist()
    middles = np.array([[bar.get_x() + bar.get_width() / 2 for bar in c] for c in ax.containers])
    np.testing.assert_allclose(middles.mean(0), [0, 1, 2])
    assert (np.diff(middles, axis=0) > ax.containers[0][0].get_width()).all()  # none overlaps
    assert names(ax.xaxis) == ["fragments", "islands", "mixed"]
    told = [text.get_text() for text in ax.texts]
    assert told == [f"{value:.2f}" for column in columns for value in WORLDS[column]]
    colors = [to_hex(drawn[0].get_facecolor()).upper() for drawn in ax.containers]
    assert colors == ["#0072B2", "#E69F00", "#000000", explorer.KIND_COLORS["translation"]]
    texts = [text.get_text() for text in ax.figure.legends[0].get_texts()]
    assert texts == ["bridge B", "reach R", "ILO", "translations among the neighbours"]


def test_kinds_are_stacked_to_the_share_of_other_languages():
    fig = plots.kinds_by_layer(SHARES, "T")
    assert titles(fig) == ["with", "without"]
    for ax, name in zip(fig.axes, ("with", "without"), strict=True):
        means = SHARES[SHARES["panel"] == name].groupby("layer")[["translation", "other"]].mean()
        tops = [band(ax, number)[1] for number in (0, 1)]
        np.testing.assert_allclose(tops[0], means["translation"])
        np.testing.assert_allclose(tops[1], means.sum(axis=1))
        np.testing.assert_allclose(band(ax, 1)[0], means["translation"])
        colors = [to_hex(each.get_facecolor()[0]).upper() for each in ax.collections]
        assert colors == [explorer.KIND_COLORS["translation"], explorer.KIND_COLORS["other"]]


def test_confounds_are_drawn_beside_their_controls():
    fig = plots.confounds_by_layer(CONFOUNDS, "T")
    panels = list(lessons.CONFOUNDS)
    assert titles(fig) == [*panels, "", "", "", ""]
    assert [ax.get_ylabel().split("\n")[-1] for ax in fig.axes[::4]] == ["all tokens",
                                                                         "without BOS"]  # fmt: skip
    for number, ax in enumerate(fig.axes):
        tokens, variants = number // 4, lessons.CONFOUNDS[panels[number % 4]]
        part = CONFOUNDS[CONFOUNDS["tokens"] == ["all tokens", "without BOS"][tokens]]
        drawn = {line.get_label(): line for line in ax.get_lines()}
        assert list(drawn) == ["as it is", *variants]
        for name, line in drawn.items():
            assert line.get_ydata().tolist() == part.loc[part["variant"] == name, "ilo"].tolist()
            assert line.get_linestyle() == ("--" if name == variants[-1] else "-")  # the control
        assert (ax.get_legend() is not None) == (tokens == 1)


def test_scores_by_size_are_means_of_the_draws_within_their_range():
    (ax,) = plots.scores_by_size(SIZES, "T").axes
    drawn = lines(ax)
    assert list(drawn) == ["ILO", "bridge B"]
    for number, (score, name) in enumerate((("ilo", "ILO"), ("bridge", "bridge B"))):
        by = SIZES[SIZES["score"] == score].groupby("sentences")["value"]
        assert drawn[name][:2] == ([100, 400], pytest.approx(by.mean().tolist()))
        low, high = band(ax, number)
        assert (low, high) == (pytest.approx(by.min().tolist()), pytest.approx(by.max().tolist()))
    assert [color for *_, color in drawn.values()] == ["black", "#0072B2"]


def test_the_explorer_s_figure_draws_the_curves_the_grid_and_the_map():
    fig = DRAWN["explorer_figure"]()
    left, middle, right = fig.axes[:3]
    drawn = {line.get_label(): line for line in left.get_lines()}
    names_of = {"ILO": "ilo", "bridge B": "bridge", "reach R": "reach", "P@1": "P@1",
                "ILO by chance": "chance"}  # fmt: skip
    for name, column in names_of.items():
        assert drawn[name].get_ydata().tolist() == CURVES[column].tolist()
    assert drawn["ILO of A"].get_ydata().tolist() == (CURVES["ilo"] / 2).tolist()
    assert (drawn["ILO"].get_linestyle(), drawn["ILO of A"].get_linestyle()) == ("-", ":")
    low, high = band(left, 0)
    assert (low, high) == (pytest.approx(CURVES["low"].tolist()),
                           pytest.approx(CURVES["high"].tolist()))  # fmt: skip
    cursor = [line for line in left.get_lines() if line.get_color() == "#CC3311"]
    assert [line.get_xdata() for line in cursor] == [[1, 1]]
    np.testing.assert_array_equal(mesh(middle), SURFACE)
    assert names(middle.xaxis) == ["1", "2"] and names(middle.yaxis) == ["1", "5"]
    (mark,) = middle.get_lines()
    assert mark.get_xydata().tolist() == [[1.5, 1.5]]  # τ = 2, k = 5
    expected = [((x, y), GROUP_COLORS[g]) for x, y, g in GROUPED.itertuples(index=False)]
    assert sorted(dots(right)) == sorted(expected)
    assert list(legend(right)) == ["p", "q"]
    alone = explorer.explorer_figure({"shown": CURVES}, SURFACE, GROUPED, "kind", GROUP_COLORS,
                                     HERE | {"k": 7}, "T")  # fmt: skip
    assert "ILO of A" not in lines(alone.axes[0]) and not alone.axes[1].get_lines()


def test_the_toy_s_arrows_lead_from_points_to_neighbours():
    (ax,) = DRAWN["toy_figure"]().axes
    arrows = [text for text in ax.texts if getattr(text, "arrow_patch", None)]
    assert [(tuple(a.xyann), tuple(a.xy)) for a in arrows] == [((1, 3), (2, 4)), ((1, 3), (8, 1))]
    assert {text.get_text() for text in ax.texts} == {"", "sun", "fog", "told"}
    points = {each.get_label(): each.get_offsets().tolist() for each in ax.collections}
    assert points == {"A": [[1, 3]], "B": [[2, 4]], "C": [[8, 1]], "bridge": [[1, 3]]}
    own = explorer.toy_figure(TOY.assign(language="A"), ARROWS, "told", "T").axes[0]
    shades = [[to_hex(text.arrow_patch.get_edgecolor()) for text in drawn.texts
               if getattr(text, "arrow_patch", None)] for drawn in (ax, own)]  # fmt: skip
    assert shades[0] == ["#000000"] * 2 and set(shades[1]) == {to_hex("0.75")}
