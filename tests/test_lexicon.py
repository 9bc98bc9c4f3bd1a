import numpy as np
import pandas as pd
import pytest
import xarray as xr

from ilo_helpers.vocabulary import lexicon
from ilo_helpers.vocabulary.lexicon import gloss, load_lexicon, translation_retrieval


def planted():
    """30 items in two languages, one token each, and their rows."""
    rng = np.random.default_rng(0)
    meanings = rng.normal(size=(30, 16))
    rows = np.concatenate([meanings, meanings + 0.01 * rng.normal(size=(30, 16))])
    names = pd.DataFrame(
        {"eng_Latn": [f"e{i}" for i in range(30)], "rus_Cyrl": [f"r{i}" for i in range(30)]}
    )
    pieces = pd.DataFrame(
        {"eng_Latn": [[i] for i in range(30)], "rus_Cyrl": [[30 + i] for i in range(30)]}
    )
    return names, pieces, rows


def table(rows):
    rows = np.asarray(rows, np.float32)
    rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return xr.DataArray(rows, {"id": ("token", np.arange(len(rows)))}, ("token", "hidden"))


def test_planted_translations_are_found_and_unrelated_ones_are_not():
    names, pieces, rows = planted()
    texts = pd.Series([f"▁T{i}" for i in range(60)])
    found = translation_retrieval(names, pieces, table(rows), texts)
    readings = ["one token", "mean of the pieces", "no piece in common"]
    assert found["reading"].tolist() == [each for each in readings for _ in range(2)]
    assert (found["names"] == 30).all()
    np.testing.assert_allclose(found["p@1"], 1)
    assert found["target_script"].tolist() == ["Cyrillic", "Latin"] * 3
    rows[30:] = rows[30:][::-1]  # every translation is another item's
    assert (translation_retrieval(names, pieces, table(rows), texts, pool=30)["p@1"] == 0).all()
    rows[:] = 1  # all alike: ties count against, nothing is found
    assert (translation_retrieval(names, pieces, table(rows), texts)["p@10"] == 0).all()


def test_what_is_not_asked_about():
    names, pieces, rows = planted()
    names.loc[0, "rus_Cyrl"] = names.loc[0, "eng_Latn"].upper()  # a copy
    names.loc[1:2, "rus_Cyrl"] = "twice"  # one name for two items: ambiguous as an answer
    names.loc[3, "rus_Cyrl"], pieces.at[3, "rus_Cyrl"] = "", []  # no such name
    pieces.at[4, "rus_Cyrl"] = [34, 35]  # two pieces, one that of its translation but for case
    texts = pd.Series([f"t{i}" for i in range(60)])
    texts[34] = "▁T4"
    found = translation_retrieval(names, pieces, table(rows), texts)
    size = {
        reading: part.set_index("source")["names"].to_dict()
        for reading, part in found.groupby("reading")
    }
    assert size["mean of the pieces"] == {"eng_Latn": 26, "rus_Cyrl": 28}
    fewer = {"eng_Latn": 25, "rus_Cyrl": 27}
    assert size["one token"] == size["no piece in common"] == fewer
    few = translation_retrieval(names[:15], pieces[:15], table(rows), texts)
    assert few.empty and "p@10" in few  # both pairs have fewer names than candidates


def test_precision_is_that_of_a_pool_of_candidates_drawn_at_random():
    names, pieces, _ = planted()
    rng = np.random.default_rng(1)
    rows = table(rng.normal(size=(60, 4)))
    texts = pd.Series([f"t{i}" for i in range(60)])
    found = translation_retrieval(names, pieces, rows, texts, pool=20).iloc[0]
    cosine = rows.values[:30] @ rows.values[30:].T
    hits = {1: 0, 5: 0}
    for _ in range(3000):
        query = rng.integers(30)
        others = rng.choice(np.delete(np.arange(30), query), 19, replace=False)
        place = 1 + (cosine[query, others] >= cosine[query, query]).sum()
        for n in hits:
            hits[n] += place <= n
    for n, count in hits.items():  # 3,000 draws: standard error below 0.01
        assert found[f"p@{n}"] == pytest.approx(count / 3000, abs=0.04)
    whole = translation_retrieval(names, pieces, rows, texts, pool=30).iloc[0]
    rank = (cosine >= np.diag(cosine)[:, None]).sum(1)
    assert whole["p@5"] == pytest.approx((rank <= 5).mean())


def test_mean_of_pieces_by_id():
    rows = table(np.eye(4)).assign_coords(id=("token", [3, 5, 6, 9]))
    means = lexicon._means(rows, [[3], [5, 9], [], [6, 6]])
    half = 0.5**0.5
    expected = [[1, 0, 0, 0], [0, half, 0, half], [0, 0, 0, 0], [0, 0, 1, 0]]
    np.testing.assert_allclose(means, expected, atol=1e-6)


def test_cldr_lexicon():
    names = load_lexicon()
    japan = names.loc["territory/JP"]
    assert (len(japan), japan["eng_Latn"], japan["jpn_Jpan"]) == (27, "Japan", "日本")
    assert load_lexicon(["eng_Latn", "ban_Latn", "deu_Latn"]).columns.tolist() == [
        "eng_Latn", "deu_Latn",
    ]  # fmt: skip
    with pytest.raises(ValueError, match="a lexicon needs two languages"):
        load_lexicon(["eng_Latn", "ban_Latn"])


def test_glosses(tmp_path):
    (tmp_path / "own.csv").write_text("piece,language,gloss\nxyz,mine,something\n")
    found = gloss(["▁När", "Japan", "アメリカ", "xyz", "unheard"], tmp_path / "own.csv")
    assert found["language"].tolist()[0] == "Swedish" and found["gloss"].tolist() == [
        "when", "Japan", "America", "something", "",
    ]  # fmt: skip
