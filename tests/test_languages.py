import pytest

from ilo_helpers.languages import language_distances


def test_distances_from_uriel(caplog):
    table = language_distances(["eng_Latn", "nld_Latn", "jpn_Jpan", "bjn_Latn"])
    assert table.loc["eng_Latn", "typological"] == 0 and table.loc["eng_Latn", "geographic"] < 0.001
    assert table.loc["nld_Latn", "geographic"] < 0.05 < 0.3 < table.loc["jpn_Jpan", "geographic"]
    assert table.loc["jpn_Jpan", "typological"] > table.loc["nld_Latn", "typological"]
    assert table["typological"].isna().tolist() == [False, False, False, True]  # Banjar: unknown
    assert not caplog.records
    with pytest.raises(ValueError, match="nld_Latn"):
        language_distances(["nld_Ltn"])
