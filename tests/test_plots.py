import warnings

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from conftest import world
from matplotlib.figure import Figure

from ilo_helpers import (
    ilo_scores,
    language_table,
    nearest_neighbors,
    plots,
    sweep,
    training_plots,
)

CODES = list(language_table().index)


@pytest.fixture(scope="module")
def neighbors():
    rng = np.random.default_rng(0)
    values = rng.normal(size=(3, 1, 6, 4)) + rng.normal(size=(3, 31, 6, 4))
    return nearest_neighbors(world(values, CODES), k=5)


@pytest.mark.parametrize("count", [31, 2])
def test_every_figure_draws_without_warnings(neighbors, count):
    languages = CODES[:count]
    acts = world(np.random.default_rng(0).normal(size=(2, count, 6, 4)), languages)
    found = nearest_neighbors(acts, k=5)
    scores = ilo_scores(found, k=5, tau=1)
    points = pd.DataFrame(
        {"method": "PCA", "layer": 0, "x": range(count), "y": 1.0, "language": languages}
    ).join(language_table()["family"], on="language")
    bars = scores[scores["layer"] == 0].join(language_table(), on="language")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figures = [
            plots.ilo_by_layer(scores, "t"),
            plots.heatmap_by_layer(scores, "t"),
            plots.ilo_by_group(scores[scores["layer"] == 1], "t"),
            plots.ablation(sweep(found, range(1, 6), [1]), "t"),
            plots.bars_by_language(bars, "ilo", "x", "t"),
            plots.lines_by_layer(scores, "ilo", "sentences", "y", "t", log=True),
            plots.maps(points, "language", "t"),
            plots.maps(points, "family", "t", plots.FAMILY_COLORS),
        ]
        for figure in figures:
            assert isinstance(figure, Figure)
            figure.canvas.draw()
    plt.close("all")


def test_lines_show_the_means_of_the_bands(neighbors):
    scores = ilo_scores(neighbors)
    drawn = plots.ilo_by_layer(scores, "t").axes[0].get_lines()
    bands = scores.join(language_table()["resource_band"], on="language")
    means = bands.groupby(["resource_band", "layer"])["ilo"].mean()
    for line, band in zip(drawn, ["high", "middle", "low"], strict=False):
        np.testing.assert_allclose(line.get_ydata(), means[band])
    plt.close("all")


def test_own_names_only_where_a_font_can_draw_them(monkeypatch):
    assert plots.language_label("eng_Latn") == "English"
    assert plots.language_label("rus_Cyrl") == "Russian · русский"
    monkeypatch.setattr(plots, "_drawable", lambda: {*map(ord, "abc")})
    assert plots.language_label("tel_Telu") == "Telugu"


def test_change_is_drawn_a_panel_a_run_and_a_line_a_band():
    rows = [(run, group, layer, change) for run, sign in {"full": 1, "frozen": -1}.items()
            for group, size in {"all": 1, "low": 2, "high": 3}.items()
            for layer, change in enumerate((0, sign * size))]  # fmt: skip
    table = pd.DataFrame(rows, columns=["run", "group", "layer", "change"])
    table = table.assign(low=table["change"] - 1, high=table["change"] + 1)
    fig = training_plots.change_by_layer(table, "run", "y", "t")
    assert [ax.get_title() or ax.get_title(loc="left") for ax in fig.axes] == ["full", "frozen"]
    lines = {line.get_label(): line.get_ydata()[1] for line in fig.axes[1].get_lines()}
    assert {name: lines[name] for name in ("all", "high", "low")} == {
        "all": -1, "high": -3, "low": -2
    }  # fmt: skip
    plt.close("all")


def test_runs_are_drawn_where_their_numbers_say():
    runs = pd.DataFrame({
        "freeze": ["none", "none", "first-8"], "learning_rate": [1e-5, 1e-5, 1e-4],
        "english": [0.5, 0.7, 0.9], "others": [0.1, 0.3, 0.4], "label": ["", "", "1e-4"],
    })  # fmt: skip
    fig = training_plots.dose_response(runs, {"english": "English", "others": "others"}, "t")
    # a line is the mean over seeds, a dot a run
    assert fig.axes[0].get_lines()[0].get_ydata() == pytest.approx([0.6])
    assert fig.axes[0].collections[0].get_offsets()[:, 1].tolist() == [0.5, 0.7]
    fig = training_plots.scatter_runs(runs, "english", "others", "label", "x", "y", "t")
    assert fig.axes[0].collections[1].get_offsets().tolist() == [[0.9, 0.4]]
    assert "1e-4" in [text.get_text() for text in fig.axes[0].texts]
    plt.close("all")
