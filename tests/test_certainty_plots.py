"""The figures of notebook 7: what stands in the axes is what stands in the table."""

import warnings

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from ilo_helpers import language_table, plots

RNG = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def _drawn_without_a_warning():
    """Every figure of the test is drawn to the end, and closed."""
    plt.close("all")  # those of another file's tests
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for number in plt.get_fignums():
            assert plt.figure(number).get_suptitle() == "T"
            plt.figure(number).canvas.draw()
    plt.close("all")


def lines(ax):
    """What each named line shows: its points."""
    drawn = {line.get_label(): line.get_xydata() for line in ax.get_lines()}
    return {name: pytest.approx(each) for name, each in drawn.items() if name[0] != "_"}


def points(table, x, y):
    return table[[x, y]].to_numpy(float)


def dots(container):
    """Points, and ends of the error bars, of an errorbar."""
    line, _, (bars,) = container
    return line.get_xydata(), np.array(bars.get_segments())


def level(ax, value, across="y"):
    """Whether a dotted line stands at a value."""
    get = f"get_{across}data"
    found = [getattr(line, get)() for line in ax.get_lines() if line.get_linestyle() == ":"]
    return any(list(each) == [value, value] for each in found)


def test_chance_and_alignment():
    table = pd.DataFrame({"layer": range(4), "ilo": [0.1, 0.2, 0.3, 0.1]})
    table = table.assign(low=table["ilo"] - 0.05, high=table["ilo"] + 0.02)
    worlds = pd.DataFrame({"world": ["a", "b"], "ilo": [1, 0.9], "translation": [1, 0.02]})
    left, right = plots.chance_and_alignment(table, worlds, 0.99, "T").axes
    assert lines(left)["the model"] == points(table, "layer", "ilo")
    ends = left.collections[0].get_paths()[0].vertices
    assert {*np.round(ends[:, 1], 9)} == {*table["low"].round(9), *table["high"].round(9)}
    heights = [[bar.get_height() for bar in bars] for bars in right.containers]
    assert heights == [[1, 0.9], [1, 0.02]]
    assert level(left, 0.99) and level(right, 0.99)
    assert [text.get_text() for text in right.get_xticklabels()] == ["a", "b"]


def test_before_and_after():
    table = pd.DataFrame({"as it is": [0.1, 0.2], "shuffled": [0.3, 0.4]}, index=[0, 5])
    fig = plots.before_and_after({"p": table, "q": 2 * table}, "T", {"p": 0.9, "q": 0.8})
    for ax, times, chance in zip(fig.axes, (1, 2), (0.9, 0.8), strict=True):
        drawn = lines(ax)
        assert drawn["as it is"] == np.array([[0, 0.1 * times], [5, 0.2 * times]])
        assert drawn["shuffled"] == np.array([[0, 0.3 * times], [5, 0.4 * times]])
        assert level(ax, chance)
        widths = [line.get_linewidth() for line in ax.get_lines()]
        assert widths[0] > 2 * widths[1]  # the one is seen below the other


def test_intervals_by_layer():
    methods = ["bootstrap", "block jackknife", "sentence jackknife"]
    table = pd.DataFrame([(layer, method, 0.1 * layer) for method in methods for layer in range(3)],
                         columns=["layer", "method", "ilo"])  # fmt: skip
    table = table.assign(low=table["ilo"] - 0.01, high=table["ilo"] + RNG.random(9))
    apart = pd.DataFrame({"layer": range(3), "difference": [0.2, 0.1, 0.0], "low": [0.1, -0.1, 0.0],
                          "high": [0.3, 0.2, 0.0]})  # fmt: skip
    left, middle, right = plots.intervals_by_layer(table, apart, 2, "T").axes
    part = table[table["method"] == "block jackknife"]  # drawn first, whatever the order
    places, bars = dots(left.containers[0])
    assert places[:, 1].tolist() == part["ilo"].tolist()
    assert {*np.diff(places[:, 0])} == {1.0}
    np.testing.assert_allclose(bars[:, :, 1], part[["low", "high"]])
    wide = (table["high"] - table["low"]).to_numpy().reshape(3, 3)
    blocks, sentences, bootstrap = (line.get_ydata() for line in middle.get_lines()[:3])
    np.testing.assert_allclose(blocks, wide[1] / wide[2])
    np.testing.assert_allclose(bootstrap, wide[0] / wide[2])
    assert sentences.tolist() == [1, 1, 1]
    places, bars = dots(right.containers[0])
    np.testing.assert_allclose(places, points(apart, "layer", "difference"))
    np.testing.assert_allclose(bars[:, :, 1], apart[["low", "high"]])
    assert level(left, 0.2) and level(middle, 1) and level(right, 0)


def test_coverage_dots():
    rows = [("w", "ilo", "bootstrap", 0.8), ("w", "reach", "bootstrap", 0.2),
            ("w", "ilo", "sentence jackknife", 0.9),
            ("v", "ilo", "block jackknife", 0.94)]  # fmt: skip
    table = pd.DataFrame(rows, columns=["world", "score", "method", "holds"]).assign(corpora=100)
    one, two = plots.coverage_dots(table, "T").axes
    assert (one.get_title("left"), two.get_title("left")) == ("w", "v")
    assert [text.get_text() for text in one.get_yticklabels()] == ["ILO", "reach R"]
    jackknife, bootstrap = (dots(each) for each in one.containers)
    assert jackknife[0][:, 0].tolist() == [0.9] and bootstrap[0][:, 0].tolist() == [0.8, 0.2]
    half = 1.96 * (0.2 * 0.8 / 100) ** 0.5
    np.testing.assert_allclose(bootstrap[1][0, :, 0], [0.8 - half, 0.8 + half])
    np.testing.assert_allclose(bootstrap[0][1, 1] - bootstrap[0][0, 1], 1)  # a row further
    assert all(level(ax, 0.95, "x") for ax in (one, two))


def test_ilo_by_size():
    rows = [(dim, size, layer, draw, RNG.random()) for dim in ("sentence", "language")
            for size in (5, 9) for layer in (2, 11) for draw in range(3)]  # fmt: skip
    table = pd.DataFrame(rows, columns=["dim", "size", "layer", "draw", "ilo"])
    table["chance"] = 1 - 1 / table["size"]
    for ax, (dim, part) in zip(plots.ilo_by_size(table, "T").axes,
                               table.groupby("dim", sort=False), strict=True):  # fmt: skip
        assert ax.get_xlabel() == f"{dim}s"
        means = part.groupby(["layer", "size"])["ilo"].mean()
        assert lines(ax)["layer 11"] == np.array([[5, means[11, 5]], [9, means[11, 9]]])
        assert lines(ax)["lists drawn at random"] == np.array([[5, 1 - 1 / 5], [9, 1 - 1 / 9]])


def test_orders_of_parts():
    table = pd.DataFrame({"part": ["a", "a", "b"], "x": [0.5, 0.7, -0.2], "y": [1.0, 0.9, 0.4]})
    one, two = plots.orders_of_parts(table, {"x": "X", "y": "Y"}, "T").axes
    assert (one.get_title("left"), two.get_title("left")) == ("X", "Y")
    every, means = (each.get_offsets().tolist() for each in one.collections)
    assert every == [[0.5, 0], [0.7, 0], [-0.2, 1]]
    np.testing.assert_allclose(means, [[0.6, 0], [-0.2, 1]])
    assert one.get_xlim()[0] == -0.2 and two.get_xlim()[0] == -0.05
    assert level(two, 0, "x") and level(two, 1, "x")


def test_left_out_dots():
    codes = list(language_table().index[:3])
    table = pd.DataFrame({"by": ["language"] * 3 + ["family"], "left_out": [*codes, "Slavic"],
                          "change": [0.02, -0.01, 0.0, 0.03]})  # fmt: skip
    one, two = plots.left_out_dots(table, 0.04, "T").axes
    assert one.get_title("left") == "without a language"
    (line,) = (each for each in one.get_lines() if each.get_marker() == "o")
    assert line.get_xdata().tolist() == [-0.01, 0.0, 0.02]  # in order
    assert [text.get_text() for text in one.get_yticklabels()] == [
        plots.language_label(code) for code in (codes[1], codes[2], codes[0])
    ]
    assert [text.get_text() for text in two.get_yticklabels()] == ["Slavic"]
    for ax in (one, two):
        box = ax.patches[0].get_bbox()
        assert (box.x0, box.x1) == (-0.04, 0.04) and level(ax, 0, "x")


def test_weights_by_layer():
    arms = [("as it is", 0, 0.0, 3.0), ("rounding", 4, 0.1, 3.2), ("noise", 4, 0.1, 3.1),
            ("rounding", 2, 0.5, 9.0), ("noise", 2, 0.5, 8.0)]  # fmt: skip
    rows = [(arm, bits, 0, error, loss, layer, *RNG.random(3), -0.1, 0.2)
            for arm, bits, error, loss in arms for layer in range(3)]  # fmt: skip
    table = pd.DataFrame(rows, columns=["arm", "bits", "seed", "error", "loss", "layer", "ilo",
                                        "translation", "change", "low", "high"])  # fmt: skip
    axes = plots.weights_by_layer(table, "T", 0.02).axes
    assert [ax.get_title("left") for ax in axes[:2]] == [
        "4 bits: weights moved by 10%\nloss 3.00 → 3.20 / 3.10",
        "2 bits: weights moved by 50%\nloss 3.00 → 9.00 / 8.00",
    ]
    whole = table[table["arm"] == "as it is"]
    for number, ax in enumerate(axes):
        value, bits = ("ilo", "translation")[number // 2], (4, 2)[number % 2]
        drawn = lines(ax)
        assert drawn["as it is"] == points(whole, "layer", value)
        for arm in ("rounding", "noise"):
            part = table[(table["arm"] == arm) & (table["bits"] == bits)]
            assert drawn[arm] == points(part, "layer", value)
        assert ("translations by chance" in drawn) == (value == "translation")
    vertices = axes[0].collections[0].get_paths()[0].vertices
    expected = {*(whole["ilo"] - 0.1).round(9), *(whole["ilo"] + 0.2).round(9)}
    assert {*np.round(vertices[:, 1], 9)} == expected
