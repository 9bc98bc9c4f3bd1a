"""Figures of the notebook on interventions."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex

from ilo_helpers import plots
from ilo_helpers.plots.style import MODEL_COLORS

LAYERS = range(5)


def lines(names, panels, **more):
    rows = [
        {"panel": panel, "line": name, "layer": layer, "value": 0.1 * layer + place}
        for panel in panels
        for place, name in enumerate(names)
        for layer in LAYERS
    ]
    table = pd.DataFrame(rows)
    return table.assign(low=table["value"] - 0.2, high=table["value"] + 0.3, **more)


def test_a_panel_a_kind_and_a_band_about_each_line():
    table = lines(["means", "random"], ["ILO", "loss", "P@1", "probe"])
    levels = {"ILO": 0.5, ("loss", "random"): 0.25}
    fig = plots.bands_by_layer(table, "T", "panel", "line", levels, "price")
    assert [ax.get_title(loc="left") for ax in fig.axes] == ["ILO", "loss", "P@1", "probe"]
    assert fig.get_suptitle() == "T" and fig.axes[0].get_ylabel() == "price"
    for ax in fig.axes:
        drawn = {line.get_label(): line for line in ax.lines if len(line.get_xdata()) == 5}
        assert list(drawn) == ["means", "random"]
        assert drawn["random"].get_ydata().tolist() == pytest.approx([1, 1.1, 1.2, 1.3, 1.4])
        band = ax.collections[0].get_paths()[0].vertices
        assert {round(y, 6) for _, y in band} >= {-0.2, 0.3}
        assert ax.get_ylim() == fig.axes[0].get_ylim() and ax.get_ylim()[0] < 0
    dotted = [line for line in fig.axes[1].lines if line.get_linestyle() == ":"]
    assert [line.get_ydata()[0] for line in dotted] == [0.25]
    assert to_hex(dotted[0].get_color()).upper() == MODEL_COLORS[1]
    assert fig.axes[0].lines[-1].get_ydata()[0] == 0.5


def test_scales_of_their_own_begin_at_zero_and_bands_may_be_missing():
    table = lines(["one"], ["a", "b"]).drop(columns=["low", "high"])
    table.loc[table["panel"] == "b", "value"] *= 10
    fig = plots.bands_by_layer(table, "T", "panel", "line", sharey=False)
    assert fig.axes[0].get_ylim()[1] < 1 < fig.axes[1].get_ylim()[1]
    assert all(ax.get_ylim()[0] <= 0 and not ax.collections for ax in fig.axes)


def test_panels_one_below_the_other_mark_where_their_first_line_is_greatest():
    table = lines(["ILO", "P@1"], ["measures", "patching"])
    table.loc[(table["panel"] == "patching") & (table["layer"] == 2), "value"] = 9
    fig = plots.does_ilo_know_where(table, "T")
    marks = [[line.get_xdata()[0] for line in ax.lines if line.get_linestyle() == "--"]
             for ax in fig.axes]  # fmt: skip
    assert marks == [[4], [2]]
    assert [ax.get_title(loc="left") for ax in fig.axes] == ["measures", "patching"]
    told = [text.get_text() for text in fig.axes[0].get_legend().get_texts()]
    assert told == ["ILO", "P@1"]
    boxes = [ax.get_position() for ax in fig.axes]
    assert boxes[0].y0 > boxes[1].y1 and boxes[0].x0 == pytest.approx(boxes[1].x0)


def test_a_line_without_numbers_has_no_mark():
    table = lines(["ILO"], ["measures"]).assign(value=np.nan, low=np.nan, high=np.nan)
    fig = plots.does_ilo_know_where(table, "T")
    assert not [line for line in fig.axes[0].lines if line.get_linestyle() == "--"]


def test_a_patch_is_drawn_with_both_prompts_and_all_that_may_come_out():
    outcomes = {"donor's concept, receiver's language": "Spanien", "none": "rien"}
    parts = ('russkij: "', "Ispanija", '" - espanol: "'), ('francais: "', "Grece", '" - Deutsch: "')
    (ax,) = plots.patch_drawn(*parts, outcomes).axes
    told = [text.get_text() for text in ax.texts]
    assert {*parts[0], *parts[1], "Spanien: donor's concept, receiver's language"} <= set(told)
    answers = [text for text in ax.texts if text.get_text().partition(": ")[2] in outcomes]
    assert len({text.get_color() for text in answers}) == len(outcomes)
