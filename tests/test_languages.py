import langcodes
import pandas as pd
import pytest

from ilo_helpers.languages import (
    SOURCES,
    _family,
    corpus_languages,
    language_distances,
    language_places,
    language_table,
)

#: FLORES-200's and SIB-200's.
ALL = list(corpus_languages().index[corpus_languages()["sib200"] == "yes"])
#: Of the table of the paper's 31, as all committed figures have it.
PAPER_DIGEST = 11578640328638814837
REGIONS = {"Africa", "Americas", "Central Asia", "East Asia", "Europe", "Oceania", "South Asia",
           "South-East Asia", "West Asia"}  # fmt: skip


def test_the_paper_s_languages_are_as_they_were():
    paper = language_table()
    assert len(paper) == 31
    assert paper["resource_band"].value_counts().to_dict() == {"high": 13, "low": 10, "middle": 8}
    assert paper["region"].value_counts().to_dict() == {
        "Europe": 14, "South-East Asia": 8, "South Asia": 5, "East Asia": 3, "Africa": 1
    }  # fmt: skip
    digest = pd.util.hash_pandas_object(paper.astype(str)).sum()
    assert digest == PAPER_DIGEST
    pd.testing.assert_frame_equal(language_table([*ALL, *paper.index]).iloc[-31:], paper)


def test_the_rules_of_the_others_give_what_the_paper_s_have():
    paper, known = language_table(), corpus_languages()
    assert [_family(code) for code in paper.index] == paper["family"].tolist()
    assert known.loc[paper.index, "region"].tolist() == paper["region"].tolist()
    assert (
        known.loc[paper.index, "resource_class"].astype(int).tolist()
        == paper["resource_class"].tolist()
    )


def test_every_language_of_flores_has_every_column():
    table = language_table(ALL)
    assert table.shape == (205, 7) and table["name"].is_unique
    assert set(SOURCES) == {"code", *table}
    assert not table.isna().drop(columns="resource_class").any(axis=None)
    unknown = (table == "unknown").sum()
    assert unknown[["name", "family", "script"]].sum() == 0
    assert table.index[table["region"] == "unknown"].tolist() == ["nqo_Nkoo"]
    assert set(table["region"]) == REGIONS | {"unknown"}
    assert table["resource_class"].notna().sum() == 186 and unknown["resource_band"] == 19
    assert unknown["own_name"] == 4
    assert table["resource_class"].dropna().between(0, 5).all()
    of_code = {code: langcodes.get(f"und-{code[-4:]}").script_name() for code in ALL}
    ours = {"Bangla": "Bengali", "Simplified": "Han (simplified)",
            "Traditional": "Han (traditional)"}  # fmt: skip
    assert table["script"].to_dict() == {c: ours.get(name, name) for c, name in of_code.items()}
    assert table["family"].value_counts()[["Atlantic-Congo", "Turkic"]].tolist() == [34, 11]


@pytest.mark.parametrize(
    ("code", "row"),
    [
        ("kor_Hang", ["Korean", "한국어", "Koreanic", "Hangul", "East Asia", 4, "high"]),
        # what Unicode CLDR lacks Wikimedia has, of the group of languages of one code as well
        ("fij_Latn", ["Fijian", "Na Vosa Vakaviti", "Austronesian", "Latin", "Oceania", 1, "low"]),
        ("quy_Latn", ["Ayacucho Quechua", "Runa Simi", "Quechuan", "Latin", "Americas", 1, "low"]),
        ("fin_Latn", ["Finnish", "suomi", "Uralic", "Latin", "Europe", 4, "high"]),
        ("eus_Latn", ["Basque", "euskara", "Basque", "Latin", "Europe", 4, "high"]),
        ("kas_Deva", ["Kashmiri (Devanagari)", "کٲشُر", "Indo-Aryan", "Devanagari", "South Asia",
                      1, "low"]),
        ("hat_Latn", ["Haitian Creole", "Kreyòl Ayisyen", "Romance", "Latin", "Americas", 2,
                      "low"]),
        ("lus_Latn", ["Mizo", "Mizo ţawng", "other Sino-Tibetan", "Latin", "South Asia", 0, "low"]),
        ("ary_Arab", ["Moroccan Arabic", "الدارجة", "Afro-Asiatic", "Arabic", "Africa", pd.NA,
                      "unknown"]),
        ("npi_Deva", ["Nepali", "नेपाली", "Indo-Aryan", "Devanagari", "South Asia", 1, "low"]),
        # of no corpus here: what CLDR and Glottolog know
        ("kpv_Cyrl", ["Komi-Zyrian", "unknown", "Uralic", "Cyrillic", "unknown", pd.NA,
                      "unknown"]),
        ("xxx_Latn", None),
    ],
)  # fmt: skip
def test_a_language_s_row(code, row):
    if row is None:
        with pytest.raises(ValueError, match="unknown language code 'xxx_Latn'"):
            language_table([code])
        return
    found = language_table([code]).iloc[0].tolist()
    assert [str(value) for value in found] == [str(value) for value in row]


def test_a_class_is_that_of_a_name_in_the_published_list():
    known = corpus_languages()
    assert (known["resource_class"] != "").equals(known["listed_as"] != "")
    by_language = known.groupby(known.index.str[:3])[["resource_class", "listed_as"]]
    assert (by_language.nunique() == 1).all(axis=None)  # whatever the script
    assert not known.index.has_duplicates and all(map(langcodes.tag_is_valid, known.index))


def test_every_language_of_flores_but_one_has_a_place():
    places = language_places(ALL)
    assert places.index[places.isna().any(axis=1)].tolist() == ["nqo_Nkoo"]
    assert places["longitude"].dropna().between(-180, 180).all()
    assert places.at["hat_Latn", "longitude"] == pytest.approx(-72.1, abs=0.1)
    assert places.loc["zho_Hant"].equals(places.loc["zho_Hans"])


def test_distances_from_uriel(caplog):
    table = language_distances(["eng_Latn", "nld_Latn", "jpn_Jpan", "bjn_Latn"])
    assert table.loc["eng_Latn", "typological"] == 0 and table.loc["eng_Latn", "geographic"] < 0.001
    assert table.loc["nld_Latn", "geographic"] < 0.05 < 0.3 < table.loc["jpn_Jpan", "geographic"]
    assert table.loc["jpn_Jpan", "typological"] > table.loc["nld_Latn", "typological"]
    assert table["typological"].isna().tolist() == [False, False, False, True]  # Banjar: unknown
    assert not caplog.records
    with pytest.raises(ValueError, match="nld_Latn"):
        language_distances(["nld_Ltn"])


def test_places_are_glottolog_s():
    places = language_places(["eng_Latn", "zho_Hans", "tel_Telu", "xxx_Latn"])
    expected = {"eng_Latn": (53, -1), "zho_Hans": (40, 116), "tel_Telu": (16, 78)}
    for code, (latitude, longitude) in expected.items():
        assert abs(places.at[code, "latitude"] - latitude) < 1
        assert abs(places.at[code, "longitude"] - longitude) < 1
    assert places.loc["xxx_Latn"].isna().all()  # no such language


def test_a_table_that_is_changed_changes_no_other():
    table = language_table(["ban_Latn"])
    table["name"], table.index.name = "mine", "code"
    table.attrs["sources"]["name"] = "me"
    again = language_table(["ban_Latn"])
    assert again.index.name == "language" and again["name"].tolist() == ["Balinese"]
    assert again.attrs["sources"] == language_table().attrs["sources"] != table.attrs["sources"]
