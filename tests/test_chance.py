import itertools

import numpy as np
import pytest
import xarray as xr
from made import world
from scipy.stats import kstest

from ilo_helpers import ilo_scores, nearest_neighbors
from ilo_helpers.neighbors import without_translations
from ilo_helpers.validity.chance import (
    expected_scores,
    leave_out,
    permutation_null,
    subsample_scores,
)
from ilo_helpers.validity.worlds import make_world

CODES = ["eng_Latn", "deu_Latn", "rus_Cyrl", "ukr_Cyrl"]


def random_lists(sentences, languages, k, seed):
    """Neighbours drawn at random from all other sentences, without replacement."""
    rng = np.random.default_rng(seed)
    total = sentences * languages
    draws = np.array([rng.choice(total - 1, k, replace=False) for _ in range(total)])
    index = draws + (draws >= np.arange(total)[:, None])  # never the sentence itself
    shape = (1, languages, sentences, k)
    coords = {"layer": [0], "language": CODES[:languages], "sentence": range(sentences),
              "neighbor": range(k)}  # fmt: skip
    return xr.Dataset({"index": (tuple(coords), index.reshape(shape).astype(np.int32))}, coords)


def test_expected_scores_equal_an_enumeration():
    # 3 languages of 3 sentences, k = 3, seen from sentence 0: all 56 lists of the other eight
    lists = list(itertools.combinations(range(1, 9), 3))
    for tau in (1, 2):
        found = expected_scores(3, 3, k=3, tau=tau)
        share = np.mean([len({place // 3 for place in each} - {0}) >= tau for each in lists])
        assert found["bridge"] == pytest.approx(share, abs=1e-12)
        missed = np.mean([all(place // 3 != 1 for place in each) for each in lists])
        assert found["reach"] == pytest.approx(1 - missed**3, abs=1e-12)
        b, r = found["bridge"], found["reach"]
        assert found["ilo"] == pytest.approx(2 * b * r / (b + r))


def test_expected_scores_without_translations_equal_an_enumeration():
    # 3 languages of 3 sentences, k = 3, seen from sentence 0: 3 and 6 are its translations, so
    # all 20 lists of the other six
    lists = list(itertools.combinations([1, 2, 4, 5, 7, 8], 3))
    for tau in (1, 2):
        found = expected_scores(3, 3, k=3, tau=tau, translations=False)
        share = np.mean([len({place // 3 for place in each} - {0}) >= tau for each in lists])
        assert found["bridge"] == pytest.approx(share, abs=1e-12)
        missed = np.mean([all(place // 3 != 1 for place in each) for each in lists])
        assert found["reach"] == pytest.approx(1 - missed**3, abs=1e-12)
        b, r = found["bridge"], found["reach"]
        assert found["ilo"] == pytest.approx(2 * b * r / (b + r))
    # a pool whose every list holds all others: nothing is left to chance
    assert expected_scores(2, 3, k=3, tau=2, translations=False)["ilo"] == 1


def test_expected_scores_of_the_paper_s_setting():
    # 31 languages × 997 sentences, k = 5, τ = 1 … 5
    bridges = [expected_scores(997, 31, 5, tau)["bridge"] for tau in range(1, 6)]
    assert np.round(bridges, 3).tolist() == [1.0, 1.0, 0.997, 0.942, 0.598]


def test_expected_scores_are_those_of_random_lists():
    scores = ilo_scores(random_lists(400, 4, 5, seed=0), k=5, tau=3)
    expected = expected_scores(400, 4, 5, 3)
    # 1,600 sentences: standard error of the share below 0.013
    assert scores["bridge"].mean() == pytest.approx(expected["bridge"], abs=0.04)


def test_null_p_values_are_uniform_when_the_null_is_true():
    found = [permutation_null(random_lists(12, 4, 3, s), 3, 2, 99, s)["p"][0] for s in range(200)]
    assert kstest(found, "uniform").pvalue > 0.01
    assert min(found) >= 0.01 and max(found) <= 1


def test_null_of_separate_languages_and_its_observed_value():
    cloud = world(np.random.default_rng(0).normal(size=(1, 4, 20, 6)), CODES)
    cloud[0] += 100 * np.eye(4, 6)[:, None]  # every language on its own
    near = nearest_neighbors(cloud, k=5, metric="euclidean", keep=False)
    row = permutation_null(near, 5, 2, 99).iloc[0]
    assert row["ilo"] == 0 and row["p"] == 0.01
    assert row["null"] == pytest.approx(expected_scores(20, 4, 5, 2)["ilo"], abs=0.02)
    assert row["low"] <= row["null"] <= row["high"]
    mixed = world(np.random.default_rng(1).normal(size=(2, 4, 20, 6)), CODES)
    near = nearest_neighbors(mixed, k=5, keep=False)
    observed = ilo_scores(near, 5, 2).groupby("layer")["ilo"].mean()
    np.testing.assert_allclose(permutation_null(near, 5, 2, 3)["ilo"], observed)


def test_without_translations_equals_a_search_that_forbids_them():
    acts = make_world(4, 20, 8, noise=0.4, seed=1)
    near = nearest_neighbors(acts, k=9, keep=False)
    found = without_translations(near, k=6)
    points = acts.values.reshape(80, 8).astype(np.float64)
    unit = points / np.linalg.norm(points, axis=1, keepdims=True)
    distance = 1 - unit @ unit.T
    sentence = np.arange(80) % 20
    distance[sentence[:, None] == sentence[None]] = np.inf
    expected = np.argsort(distance, axis=1, kind="stable")[:, :6]
    np.testing.assert_array_equal(found["index"].values.reshape(80, 6), expected)
    values = np.take_along_axis(distance, expected, 1)
    np.testing.assert_allclose(found["distance"].values.reshape(80, 6), values, atol=1e-6)
    assert found.attrs["left_out"] == "translations"
    with pytest.raises(ValueError, match="9 neighbours are stored.*call nearest_neighbors.*k=10"):
        without_translations(near, k=7)


def test_parts_of_the_sentences_and_of_the_languages():
    acts = make_world(4, 12, 8, seed=2)
    near = nearest_neighbors(acts, k=8, keep=False)
    found = subsample_scores(acts, near, "sentence", [12, 6], draws=2, k=3, tau=2)
    whole = ilo_scores(near, k=3, tau=2)
    full = found[(found["size"] == 12) & (found["draw"] == 0)]
    np.testing.assert_allclose(full["ilo"], whole["ilo"])  # all of them is the whole
    assert found[found["size"] == 6]["sentences"].unique().tolist() == [6]
    again = subsample_scores(acts, near, "sentence", [12, 6], draws=2, k=3, tau=2)
    assert found.equals(again)
    three = subsample_scores(acts, near, "language", [3], draws=2, k=3, tau=2)
    assert three.groupby("draw")["language"].nunique().tolist() == [3, 3]


def test_leaving_out_languages_and_families():
    acts = make_world(4, 12, 8, seed=3).assign_coords(language=CODES)
    near = nearest_neighbors(acts, k=5, keep=False)
    found = leave_out(acts, near, "language", k=3, tau=2)
    assert found["left_out"].unique().tolist() == CODES
    rest = acts.sel(language=CODES[1:])
    expected = ilo_scores(nearest_neighbors(rest, k=3, keep=False), k=3, tau=2)["ilo"]
    np.testing.assert_allclose(found[found["left_out"] == "eng_Latn"]["ilo"], expected)
    families = leave_out(acts, near, "family", k=3, tau=1)
    assert families["left_out"].unique().tolist() == ["Germanic", "Slavic"]
    assert families[families["left_out"] == "Slavic"]["language"].tolist() == CODES[:2]
    with pytest.raises(ValueError, match="4 languages, τ = 3: without any one family fewer than 4"):
        leave_out(acts, near, "family", k=3, tau=3)
