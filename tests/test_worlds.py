import numpy as np
import pytest

from ilo_helpers import ilo_scores, nearest_neighbors
from ilo_helpers.validity.worlds import make_world, shuffle_sentences


def test_the_world_s_knobs_do_what_they_say():
    def shares(**knobs):
        acts = make_world(4, 60, 24, seed=0, **knobs)
        scores = ilo_scores(nearest_neighbors(acts, k=5, keep=False), k=5, tau=3)
        return acts.values[0], scores[["bridge", "ilo"]].mean()

    aligned, best = shares(noise=0)
    np.testing.assert_array_equal(aligned[0], aligned[3])
    assert best["ilo"] == 1
    assert shares(offset=20)[1]["ilo"] == 0
    turned, worse = shares(rotation=1, noise=0)
    gram = [each.astype(float) @ each.T for each in turned]
    np.testing.assert_allclose(gram[0], gram[3], atol=1e-4)  # within a language nothing moved
    assert worse["ilo"] < best["ilo"]
    lengths = np.linalg.norm(shares(meaning=3, noise=0)[0], axis=-1)
    assert lengths.mean() == pytest.approx(3, abs=0.15)
    acts = make_world(4, 60, 24, meaning=3, noise=0.5, misplaced=2, seed=0)
    near = nearest_neighbors(acts, k=5, metric="euclidean", keep=False)["index"].values
    met = np.bincount(near.ravel(), minlength=240)
    assert set(np.argsort(met)[-2:]) == {180, 181}  # of 4 × 60, the last language's first


def test_shuffled_languages_have_their_sentences_in_orders_of_their_own():
    acts = make_world(4, 60, 24, noise=0, seed=0)  # translations all in one place
    two = acts.isel(layer=[0, 0]).assign_coords(layer=[0, 1])
    found = shuffle_sentences(two.transpose("sentence", "layer", "hidden", "language"), seed=1)
    assert found.dims == two.dims and found.language.equals(two.language)
    np.testing.assert_array_equal(found[0], found[1])  # one order in all layers
    for language in range(4):
        rows = [set(map(tuple, each[0, language].values)) for each in (two, found)]
        assert rows[0] == rows[1]
        for other in range(language):  # of 60 at random, one stays by its translation
            together = (found[0, language] == found[0, other]).all("hidden").sum()
            assert together < 6
    np.testing.assert_array_equal(found, shuffle_sentences(two, seed=1))
    assert not np.array_equal(found, shuffle_sentences(two, seed=2))
