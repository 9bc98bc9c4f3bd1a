import pytest

from ilo_helpers.languages import language_distances, language_places


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
