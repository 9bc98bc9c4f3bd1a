"""Figures of notebook 2: what stands in the drawings is what they were given."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex

from ilo_helpers import plots
from ilo_helpers.plots.schematics import MOST
from ilo_helpers.plots.style import BAND_COLORS, FAMILY_COLORS


def words(ax):
    return [text.get_text() for text in ax.texts]


@pytest.mark.parametrize("kind", [list, pd.Series])
def test_tokens_stand_below_their_hidden_states(kind):
    fig = plots.from_tokens_to_vectors(kind(["<bos>", "▁has", "."]), 19, 640)
    (ax,) = fig.axes
    assert {"<bos>", "has", ".", "layer 0\n(embeddings)"} <= set(words(ax))
    assert "layer 18\n(after block 18,\nthen normalised)" in words(ax)
    assert len(ax.patches) == 3 * (3 + 1) * 4 + 2  # layers × (tokens and mean) × squares; blocks
    assert "3 tokens have 3 hidden states in each of 19 layers" in fig.get_suptitle()
    assert "one vector of 640 numbers" in fig.get_suptitle()


def test_of_many_tokens_the_first_and_the_last_are_drawn():
    tokens = [f"t{number}" for number in range(MOST + 5)]
    ax = plots.from_tokens_to_vectors(pd.Series(tokens), 2, 8).axes[0]
    drawn = [word for word in words(ax) if word in tokens]
    assert drawn == [*tokens[: MOST - 2], tokens[-1]]


def test_long_tokens_stand_in_two_rows():
    def heights(tokens):
        ax = plots.from_tokens_to_vectors(tokens, 2, 8).axes[0]
        return {text.get_position()[1] for text in ax.texts if text.get_text() in tokens}

    assert len(heights(["a", "bc", "d"])) == 1
    assert len(heights(["a", "nationalities", "d"])) == 2


def test_languages_are_dots_by_tokens_with_three_named():
    codes = ["eng_Latn", "gle_Latn", "tel_Telu", "rus_Cyrl"]
    table = pd.DataFrame(
        {"language": codes, "tokens": [30.0, 60, 70, 40], "p": [0.9, 0.5, 0.7, 0.8]}
    )
    table["q"] = table["p"] / 2
    fig = plots.languages_by_tokens(table, {"p": "P", "q": "Q"}, "y", "T")
    assert fig.get_suptitle() == "T" and [ax.get_title(loc="left") for ax in fig.axes] == ["P", "Q"]
    for ax, value in zip(fig.axes, "pq", strict=True):
        (drawn,) = ax.collections
        assert drawn.get_offsets().tolist() == table[["tokens", value]].to_numpy().tolist()
        bands = [to_hex(color).upper() for color in drawn.get_facecolor()]
        assert bands == [BAND_COLORS[band].upper() for band in ("high", "low", "low", "high")]
        named = {text.get_text(): tuple(text.xy) for text in ax.texts}
        places = table.set_index("language")[["tokens", value]].apply(tuple, axis=1)
        assert named == dict(
            zip(
                ["Telugu", "Irish", "English"],
                places[["tel_Telu", "gle_Latn", "eng_Latn"]],
                strict=True,
            )
        )


def test_the_cone_is_drawn_from_the_side_and_from_its_tip():
    cone = pd.DataFrame({"family": ["Slavic", "Celtic"], "along": [0.9, 0.8],
                         "first": [0.1, -0.2], "second": [0.3, -0.3]})  # fmt: skip
    fig = plots.crowded_and_centred(cone, "T")
    side, front = fig.axes
    for ax, columns in ((side, ["along", "first"]), (front, ["first", "second"])):
        assert np.allclose(ax.collections[0].get_offsets(), cone[columns])
        colors = [to_hex(color).upper() for color in ax.collections[0].get_facecolor()]
        assert colors == [FAMILY_COLORS[family].upper() for family in cone["family"]]
    rays = [line.get_xydata().tolist() for line in side.get_lines()]
    assert rays == [[[0, 0], [0.9, 0.1]], [[0, 0], [0.8, -0.2]]]
    arrow = next(text for text in side.texts if text.get_text() == "")
    assert arrow.xy == pytest.approx((0.85, 0))
    assert [text.get_text() for text in fig.legends[0].get_texts()] == ["Slavic", "Celtic"]
