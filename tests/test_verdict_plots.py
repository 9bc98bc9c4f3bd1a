"""Figures of notebook 11: the board of verdicts and the contact sheet."""

import warnings

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex

from ilo_helpers import plots
from ilo_helpers.keep.figures import png
from ilo_helpers.plots.verdicts import VERDICTS
from ilo_helpers.validity import verdicts

FOUND = pd.DataFrame({
    "figure": ["f", "f", "1"], "claim": ["it falls", "it falls", "islands"],
    "number": ["loss", "loss", "none"], "interval": ["seeds", "seeds", "none"],
    "setting": ["udhr 49", "", ""], "verdict": ["in kind", "contradicted", verdicts.UNTESTED],
    "value": [0.25, -12.34, np.nan], "low": [0.125, np.nan, np.nan],
    "high": [0.5, np.nan, np.nan], "why": ["", "for a reason", "no model"],
})  # fmt: skip


def test_every_verdict_has_a_colour_and_a_sign():
    assert tuple(VERDICTS) == verdicts.VERDICTS
    assert all(len(set(each)) == 4 for each in zip(*VERDICTS.values(), strict=True))


def test_a_row_a_claim_and_a_cell_a_finding_in_the_colour_of_its_verdict():
    fig = plots.verdict_board(FOUND, "T")
    (ax,) = fig.axes
    said = [text.get_text() for text in ax.texts]
    assert "it falls" in said and "loss; interval: seeds" in said and fig.get_suptitle() == "T"
    for told in ("≈ 0.25 (0.12 to 0.50)", "× −12.3, no interval", "? no number"):
        assert told in said
    assert "udhr 49" in said and "for a reason" in said and "no model" in said
    boxes = [(round(box.get_y() + 0.46, 2), to_hex(box.get_facecolor()).upper())
             for box in ax.patches]  # fmt: skip
    colors = [VERDICTS[verdict][0] for verdict in FOUND["verdict"]]
    assert boxes[:3] == list(zip([0, 0, 1], colors, strict=True))
    assert [color for _, color in boxes[3:]] == [color for color, _ in VERDICTS.values()]
    widths = [box.get_width() for box in ax.patches]
    assert widths[2] > widths[0] == pytest.approx(widths[1])


def test_more_than_four_findings_take_a_second_line():
    many = pd.concat([FOUND[:1]] * 6 + [FOUND[2:]], ignore_index=True)
    (ax,) = plots.verdict_board(many, "T").axes
    rows = [round(box.get_y() + 0.46, 2) for box in ax.patches]
    assert rows[:7] == [0, 0, 0, 1, 1, 1, 2] and len({*rows[7:]}) == 1


def test_numbers_have_the_places_that_tell_the_ends_from_the_value():
    for value, low, high, told in [
        (0.0123, 0.01, 0.02, "0.012 (0.010 to 0.020)"),
        (-0.0001, np.nan, np.nan, "0.000, no interval"),
        (0.9491, 0.9478, 0.9509, "0.949 (0.948 to 0.951)"),
    ]:
        few = FOUND[:1].assign(value=value, low=low, high=high)
        said = [text.get_text() for text in plots.verdict_board(few, "T").axes[0].texts]
        assert f"≈ {told}" in said


def test_setting_and_reason_stand_below_the_number_in_three_lines_at_most():
    few = FOUND[:1].assign(why="no " * 200)
    said = [text.get_text() for text in plots.verdict_board(few, "T").axes[0].texts]
    (below,) = (text.split("\n") for text in said if text.startswith("udhr 49"))
    assert len(below) == 3 and below[2].endswith("no …") and len(below[1]) <= 128


def test_pictures_go_to_the_shortest_column_and_keep_their_size():
    figures = {}
    for name, size in {"tall": (2, 4), "flat": (4, 2), "next": (4, 2)}.items():
        figures[name], ax = plt.subplots(figsize=size)
        ax.plot([0, 1])
    fig = plots.contact_sheet(figures)
    boxes = [ax.get_position() for ax in fig.axes]
    assert boxes[0].x0 == 0 and boxes[1].x0 == boxes[2].x0 >= 0.5 and boxes[2].y1 < boxes[1].y0
    for ax, box in zip(fig.axes, boxes, strict=True):
        rows, columns = ax.get_images()[0].get_array().shape[:2]
        inches = np.multiply([box.width, box.height], fig.get_size_inches())
        assert 160 * inches == pytest.approx([columns, rows])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert png(fig) == png(fig)
