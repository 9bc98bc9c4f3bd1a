"""Drawings of hundreds of languages, on a few."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex

from ilo_helpers import language_table, plots
from ilo_helpers.languages import corpus_languages, language_places
from ilo_helpers.plots import style
from ilo_helpers.plots.style import BAND_COLORS

CODES = ["eng_Latn", "deu_Latn", "isl_Latn", "fao_Latn", "swe_Latn", "nqo_Nkoo", "hat_Latn"]
TABLE = language_table(CODES).join(language_places(CODES)).reset_index()
TABLE["paper"] = TABLE["language"].isin(language_table().index)
TABLE["bridge"] = [0.9, 0.8, 0.5, 0.1, 0.7, 0.2, 0.4]


def colors(collection):
    return [to_hex(color).upper() for color in collection.get_facecolors()]


def test_the_map_has_a_dot_a_place_and_rings_for_the_paper_s():
    fig = plots.language_map(TABLE, "bridge", "share", "T")
    ax, bar = fig.axes
    dots, rings = ax.collections
    assert len(dots.get_offsets()) == 6 and len(rings.get_offsets()) == 3  # N'Ko has no place
    assert dots.get_array().tolist() == [0.1, 0.4, 0.5, 0.7, 0.8, 0.9]  # the greatest on top
    assert dots.get_offsets()[1].tolist() == pytest.approx([-72.1, 18.8], abs=0.1)  # Haitian
    assert bar.get_ylabel() == "share" and ax.get_xlim() == (-180, 180)
    assert fig.get_suptitle() == "T (rings: the paper's)" and not fig.legends


def test_the_map_of_names_has_a_legend():
    fig = plots.language_map(TABLE, "resource_band", "resources", "T", BAND_COLORS)
    (ax,) = fig.axes
    assert set(colors(ax.collections[0])) == {
        BAND_COLORS["high"].upper(),
        BAND_COLORS["low"].upper(),
    }
    assert [text.get_text() for text in fig.legends[0].get_texts()] == ["high", "low"]
    alone = plots.language_map(TABLE.assign(paper=False), "bridge", "share", "T")
    assert alone.get_suptitle() == "T"


def test_dots_stand_in_the_row_of_their_group():
    fig = plots.dots_by_group(TABLE, "bridge", "family", "share", "T", least=2)
    (ax,) = fig.axes
    names = [label.get_text() for label in ax.get_yticklabels()]
    assert names == ["Germanic (5)", "groups of fewer than 2 (2)"]
    dots = [each for each in ax.collections if len(colors(each))]
    assert [len(each.get_offsets()) for each in dots] == [5, 2]
    assert dots[0].get_offsets()[:, 0].tolist() == [0.1, 0.5, 0.7, 0.8, 0.9]
    assert (np.abs(dots[0].get_offsets()[:, 1]) <= 0.3).all()
    assert [line.get_xdata()[0] for line in ax.get_lines()] == pytest.approx([0.7, 0.3])  # medians
    assert {text.get_text() for text in ax.texts} == {"Faroese", "English"}  # only of five or more
    again = plots.dots_by_group(TABLE, "bridge", "family", "share", "T", least=2).axes[0]
    assert (again.collections[0].get_offsets() == ax.collections[0].get_offsets()).all()


def test_groups_by_depth_are_means_with_the_number_of_languages():
    deep = pd.concat(
        [TABLE.assign(layer=layer, bridge=TABLE["bridge"] / 2**layer) for layer in (0, 1)]
    )
    ax, bar = plots.groups_by_depth(deep, "bridge", "family", "share", "T").axes
    names = [label.get_text() for label in ax.get_yticklabels()]
    assert names == ["Germanic (5)", "Romance (1)", "constructed (1)"]
    (mesh,) = ax.collections
    assert mesh.get_array().ravel().tolist() == pytest.approx([0.6, 0.3, 0.4, 0.2, 0.2, 0.1])
    assert bar.get_ylabel() == "share" and mesh.get_clim() == (0, 1)


def test_pictures_of_all_languages_are_of_a_size_to_read():
    codes = list(corpus_languages().index)
    table = language_table(codes).join(language_places(codes)).reset_index()
    table = table.assign(paper=False, bridge=0.5)
    fig = plots.dots_by_group(table, "bridge", "family", "share", "T", least=3)
    assert fig.get_figheight() < 12 and len(fig.legends[0].get_texts()) == 4
    assert len(plots.language_map(table, "bridge", "share", "T").axes) == 2


def test_the_table_is_escaped_and_whole():
    table = pd.DataFrame({"name": ["<b>x</b>", "y"], "share": [0.25, np.nan]}, index=["a", "b"])
    page = plots.searchable_table(table.rename_axis("language")).data
    assert "<b>" not in page and "&lt;b&gt;x&lt;/b&gt;" in page and "0.250" in page
    assert page.count("<tr") == 3 and page.count("<th ") == 3 and "NaN" not in page
    assert "http" not in page and "<script" not in page
    codes = list(corpus_languages().index)
    assert len(plots.searchable_table(language_table(codes)).data) < 150_000


@pytest.mark.browser
def test_the_table_can_be_searched_and_sorted(browser):
    table = TABLE.set_index("language")[["name", "family", "bridge"]]
    page = browser.new_page()
    page.set_content(plots.searchable_table(table).data)
    rows = "[...document.querySelectorAll('tbody tr')].filter(r => !r.hidden)"
    page.fill("input", "GERMANIC se")
    assert page.evaluate(f"{rows}.map(r => r.cells[1].textContent)") == ["Faroese"]
    page.fill("input", "germanic")
    page.click("th:has-text('bridge')")
    values = page.evaluate(f"{rows}.map(r => r.cells[3].textContent)")
    assert values == ["0.100", "0.500", "0.700", "0.800", "0.900"]
    page.click("th:has-text('bridge')")
    assert page.evaluate(f"{rows}.map(r => r.cells[3].textContent)") == values[::-1]


def test_lines_can_have_the_colours_of_the_bands():
    table = pd.DataFrame({"low": [0.1, 0.2], "high": [0.3, 0.4]})
    (ax,) = plots.lines_by_layer({"A": table}, "T", colors=BAND_COLORS).axes
    assert [line.get_color() for line in ax.get_lines()] == [
        BAND_COLORS["low"],
        BAND_COLORS["high"],
    ]


def test_families_without_a_colour_share_one():
    assert style.FAMILY_COLORS["Turkic"] == style.FAMILY_COLORS["unknown"]
    assert "Turkic" not in style.FAMILY_COLORS
    chosen = style.colors_of(style.FAMILY_COLORS, ["Turkic", "Slavic", "Germanic", "Turkic"])
    assert list(chosen) == ["Germanic", "Slavic", "Turkic"]
    codes = ["tur_Latn", "fin_Latn", "eng_Latn"]
    table = language_table(codes).reset_index().assign(value=[1, 2, 3])
    (ax,) = plots.bars_by_language(table, "value", "x", "T").axes
    told = [text.get_text() for text in ax.get_legend().get_texts()]
    assert told == ["Germanic", "2 others"]
    assert plots.language_label("min_Arab") == "Minangkabau (Arabic)"  # no own name is known
