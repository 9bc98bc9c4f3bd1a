"""Figures of notebooks 5 and 8: arms of a sweep, what measures see and predict."""

import numpy as np
import pandas as pd
from test_plots import dots, mesh, names, titles

from ilo_helpers import plots

RUNS = pd.DataFrame({
    "freeze": ["none", "none", "table", "lora"], "learning_rate": [1e-5, 1e-4, 1e-5, 1e-5],
    "others": [0.5, 0.7, 0.9, 0.6], "forgotten": [0.1, 3.0, 0.2, 0.1],
    "ruined": [False, True, False, False],
})  # fmt: skip
FOUND = pd.DataFrame({
    "skill": ["probe"] * 4 + ["gain"] * 4, "measure": ["ILO", "ILO", "P@1", "P@1"] * 2,
    "layer": [0, 1] * 4, "rho": [0.1, 0.5, -0.3, np.nan, 0, 0.2, 0.4, 0.6],
    "low": [-0.2, 0.2, -0.6, np.nan, -0.5, -0.1, 0.1, 0.2],
    "high": [0.4, 0.7, -0.1, np.nan, 0.5, 0.4, 0.7, 0.9],
})  # fmt: skip


def test_arms_have_a_row_each_and_ruin_is_hollow():
    panels = {"others": "others", "forgotten": "forgotten (nats)"}
    fig = plots.arms(RUNS, panels, "T", {"forgotten": (1, "ruin")})
    assert titles(fig) == list(panels.values())
    assert names(fig.axes[0].yaxis) == ["nothing frozen", "token table", "LoRA"]
    ax = fig.axes[1]
    drawn = [each for each in ax.collections if len(each.get_offsets())]
    assert sorted(each.get_offsets()[0][0] for each in drawn) == [0.1, 0.1, 0.2, 3.0]
    rows = {float(each.get_offsets()[0][0]): each for each in drawn}
    assert [rows[x].get_facecolor()[0, 3] for x in (3.0, 0.2)] == [0, 1]  # hollow, filled
    assert round(rows[0.2].get_offsets()[0][1]) == 1
    assert [line.get_xdata()[0] for line in ax.get_lines() if line.get_linestyle() == ":"] == [1]
    assert ax.get_xlabel() == "dotted: ruin" and not fig.axes[0].get_xlabel()
    told = [[text.get_text() for text in legend.get_texts()] for legend in fig.legends]
    assert told == [["1e-05", "0.0001"], ["ruined", "mean"]]


def test_differences_stand_at_their_numbers_with_intervals():
    table = pd.DataFrame({"of": ["1e-5", "1e-5", "1e-4"], "freeze": ["table", "lora", "table"],
                          "difference": [0.1, 0.2, -0.1], "low": [0, 0.1, np.nan],
                          "high": [0.2, 0.3, np.nan]})  # fmt: skip
    fig = plots.differences(table, "T", "difference")
    assert titles(fig) == ["1e-5", "1e-4"]
    assert names(fig.axes[0].yaxis) == ["token table", "LoRA"]
    assert [place for place, _ in dots(fig.axes[0])] == [(0.1, 0), (0.2, 1)]
    ends = fig.axes[0].collections[0].get_segments()
    assert [(a[0], b[0]) for a, b in ends] == [(0, 0.2), (0.1, 0.3)]
    again = plots.differences(table.assign(ruined=[0.4, 0.6, np.nan]), "T", "difference")
    drawn = [each.axes[0].collections[1].get_facecolor() for each in (fig, again)]
    (blue, same), (one, other) = drawn
    assert tuple(blue) == tuple(same) == tuple(one) and tuple(other) == (1, 1, 1, 1)


def test_what_stays_is_grey_in_the_arms():
    table = pd.DataFrame({"table": [True, False], "0": [False, False]}, ["table", "none"])
    fig = plots.frozen_parts(table, "T")
    hatched = [patch.get_hatch() is not None for patch in fig.axes[0].patches]
    assert hatched == [True, False, False, False]
    assert names(fig.axes[0].xaxis) == ["table", "0"]
    assert names(fig.axes[0].yaxis) == ["token table", "nothing frozen"]


def test_disturbances_are_cells_in_the_order_of_the_table():
    table = pd.DataFrame({"metric": ["P@1", "CKA"] * 2, "knob": ["noise"] * 2 + ["offset"] * 2,
                          "setting": [1, 1, 2, 2], "value": [0.1, 0.2, 0.3, 0.4]})  # fmt: skip
    fig = plots.disturbances(table, "T")
    assert titles(fig)[:2] == ["noise", "offset"] and names(fig.axes[0].yaxis) == ["P@1", "CKA"]
    assert mesh(fig.axes[1]).tolist() == [[0.3], [0.4]]


def test_predictions_are_cells_with_a_dot_where_the_interval_leaves_out_nought():
    fig = plots.predictions_by_layer(FOUND, "T")
    assert titles(fig)[:2] == ["probe", "gain"]
    np.testing.assert_array_equal(mesh(fig.axes[0]), [[0.1, 0.5], [-0.3, np.nan]])
    assert [place for place, _ in dots(fig.axes[0])] == [(1.5, 0.5), (0.5, 1.5)]
    assert [place for place, _ in dots(fig.axes[1])] == [(0.5, 1.5), (1.5, 1.5)]
    bare = plots.predictions_by_layer(FOUND.drop(columns=["low", "high"]), "T")
    assert dots(bare.axes[0]) == []


def test_predictions_without_a_single_value_are_grey():
    nothing = FOUND.assign(rho=np.nan, low=np.nan, high=np.nan)
    fig = plots.predictions_by_layer(nothing, "T")
    assert np.isnan(mesh(fig.axes[0])).all() and dots(fig.axes[0]) == []


def test_correlations_are_lines_with_bands():
    fig = plots.correlations_by_layer(FOUND, "T")
    drawn = {line.get_label(): list(line.get_ydata()) for line in fig.axes[1].get_lines()}
    assert drawn["ILO"] == [0, 0.2] and drawn["P@1"] == [0.4, 0.6]
    vertices = fig.axes[1].collections[0].get_paths()[0].vertices
    assert {tuple(each) for each in vertices} >= {(0, -0.5), (0, 0.5), (1, -0.1), (1, 0.4)}
    apart = plots.correlations_by_layer(FOUND, "T", label="a less b", limit=2).axes[0]
    assert apart.get_ylabel() == "a less b" and apart.get_ylim() == (-2, 2)


def test_chosen_layers_are_told_beside_what_they_gave():
    table = pd.DataFrame({"skill": "probe", "measure": ["ILO", "P@1"], "layer": [7, np.nan],
                          "chosen": [0.8, np.nan], "tried": [0.5, np.nan],
                          "low": [0.1, np.nan], "high": [0.7, np.nan]})  # fmt: skip
    (ax,) = plots.chosen_and_tried(table, "T").axes
    assert [text.get_text() for text in ax.texts] == ["7"] and names(ax.yaxis) == ["ILO", "P@1"]
    places = [each.get_offsets()[0].tolist() for each in ax.collections[1:3]]
    assert places == [[0.8, 0], [0.5, 0]]


def test_dots_by_pair_stand_at_their_numbers():
    table = pd.DataFrame({"pair": ["a · b", "a · b, shuffled"], "how": ["plain", "plain"],
                          "first": [0.9, 0.2], "chance": [0.1, -0.1]})  # fmt: skip
    fig = plots.dots_by_pair(table, "T", {"first": "shared", "chance": "by chance"})
    (ax,) = fig.axes
    assert names(ax.yaxis) == ["a · b\nplain", "a · b,\nshuffled\nplain"]
    drawn = {line.get_label(): line.get_xydata().tolist() for line in ax.get_lines()}
    assert drawn == {"shared": [[0.9, 0], [0.2, 1]], "by chance": [[0.1, 0], [-0.1, 1]]}
    assert ax.get_xlim()[0] < 0 and ax.yaxis_inverted()
