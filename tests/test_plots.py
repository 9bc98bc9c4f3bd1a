import json
import warnings

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from conftest import world
from matplotlib.figure import Figure

from ilo_helpers import ilo_scores, language_table, nearest_neighbors, plots, save_figure, sweep

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


def test_picture_numbers_and_settings_are_saved_together(neighbors, data, tmp_path):
    scores = ilo_scores(neighbors)
    params = {"model": "some/model", "corpus": "udhr", "k": 5}
    picture = save_figure(plots.ilo_by_layer(scores, "t"), "03_x", scores, params)
    assert picture == tmp_path / "figures" / "some_model--udhr" / "03_x.png"
    assert picture.read_bytes().startswith(b"\x89PNG")
    numbers = pd.read_csv(picture.with_suffix(".csv"), keep_default_na=False)
    np.testing.assert_allclose(numbers["ilo"], scores["ilo"], rtol=1e-5)
    note = json.loads(picture.with_suffix(".json").read_text())
    assert note["parameters"] == params and "torch" in note["versions"]
    assert plt.get_fignums() == []


def test_own_names_only_where_a_font_can_draw_them(monkeypatch):
    assert plots.language_label("eng_Latn") == "English"
    assert plots.language_label("rus_Cyrl") == "Russian · русский"
    monkeypatch.setattr(plots, "_drawable", lambda: {*map(ord, "abc")})
    assert plots.language_label("tel_Telu") == "Telugu"
