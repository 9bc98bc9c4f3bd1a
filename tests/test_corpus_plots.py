"""Drawings of notebook 1 on small tables."""

import numpy as np
import pandas as pd
from matplotlib.colors import to_hex

from ilo_helpers import language_table, plots
from ilo_helpers.plots.style import BAND_COLORS

PLACES = language_table(["eng_Latn", "tel_Telu", "swh_Latn"])
PLACES = PLACES.assign(latitude=[53.0, 16.0, np.nan], longitude=[-1.0, 78.0, np.nan])


def test_the_map_has_a_named_dot_where_a_place_is_known():
    (ax,) = plots.world_map(PLACES, "T").axes
    (drawn,) = ax.collections
    assert drawn.get_offsets().tolist() == [[-1, 53], [78, 16]]
    colors = [to_hex(color).upper() for color in drawn.get_facecolors()]
    assert colors == [BAND_COLORS["high"].upper(), BAND_COLORS["low"].upper()]
    assert {text.get_text() for text in ax.texts if text.get_text()} == {"English", "Telugu"}
    (x0, x1), (y0, y1) = ax.get_xlim(), ax.get_ylim()
    assert x0 < -1 < 78 < x1 and y0 < 16 < 53 < y1
    legend = [text.get_text() for text in ax.figure.legends[0].get_texts()]
    assert legend == ["high", "low"]
    # the coastline: London on land, the middle of the Indian Ocean not
    land = ax.patches[0].get_path()
    assert land.contains_point((-0.5, 52)) and not land.contains_point((75, -10))


def test_bars_count_the_languages_of_each_group():
    rows = [("script", "Latin", "high", 2), ("script", "Latin", "low", 1),
            ("script", "Thai", "middle", 1), ("family", "Slavic", "high", 4)]  # fmt: skip
    counts = pd.DataFrame(rows, columns=["kind", "group", "resource_band", "languages"])
    fig = plots.languages_by_group(counts, "T")
    assert [ax.get_title(loc="left") for ax in fig.axes] == ["by script", "by family"]
    script, family = fig.axes
    names = [label.get_text() for label in script.get_yticklabels()]
    assert names == ["Thai", "Latin"]  # the most above
    bars = {
        (round(bar.get_y() + bar.get_height() / 2), bar.get_x(), bar.get_width())
        for bar in script.patches if bar.get_width()
    }  # fmt: skip
    assert bars == {(0, 0, 1), (1, 0, 2), (1, 2, 1)}
    assert [text.get_text() for text in script.texts] == ["1", "3"]
    assert [text.get_text() for text in family.texts] == ["4"]


def test_lengths_are_dots_with_the_slope_of_the_totals():
    table = pd.DataFrame({"name": ["English", "English", "Thai", "Thai"], "home": [10, 30, 10, 30],
                          "characters": [10, 30, 8, 12], "tokens": [3, 5, 6, 14]})  # fmt: skip
    fig = plots.lengths_of_translations(table, "English", "T")
    left, right = fig.axes
    assert [list(map(tuple, each.get_offsets())) for each in left.collections] == [
        [(10, 10), (30, 30)], [(10, 8), (30, 12)]]  # fmt: skip
    slopes = {line.get_label(): line.get_ydata()[1] / 30 for line in left.get_lines()}
    assert slopes == {"English: 1.00": 1, "Thai: 0.50": 0.5}
    assert [line.get_label() for line in right.get_lines()] == ["English: 0.20", "Thai: 0.50"]
    assert (left.get_xlabel(), left.get_ylim()[0]) == ("characters in English", 0)
