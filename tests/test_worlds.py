import numpy as np
import pytest

from ilo_helpers import ilo_scores, nearest_neighbors
from ilo_helpers.validity.intervals import bootstrap_scores, interval
from ilo_helpers.validity.worlds import coverage, make_world, shuffle_sentences


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


def test_documents_share_the_length_of_their_noise():
    knobs = {"languages": 6, "sentences": 60, "hidden": 64, "meaning": 0, "noise": 1, "seed": 3}
    even, uneven = make_world(**knobs), make_world(**knobs, document=5, uneven=1.0)
    factor = np.linalg.norm(uneven[0], axis=-1) / np.linalg.norm(even[0], axis=-1)
    by_document = factor.reshape(6, 12, 5)
    assert np.ptp(by_document, axis=(0, 2)) == pytest.approx(0, abs=1e-5)  # one in all languages
    logs = np.log(by_document[0, :, 0])
    assert 0.4 < logs.std() < 1.8  # of 12 documents, drawn with a standard deviation of 1


@pytest.mark.slow
def test_sentences_of_a_document_are_not_independent_and_blocks_cover_better():
    knobs = {"languages": 8, "hidden": 24, "noise": 0.6, "offset": 0.6, "seed": 0}
    world = make_world(sentences=120 * 49, document=7, uneven=1.0, **knobs)
    found = coverage(world, 49, document=7, draws=50).set_index(["score", "method"])["holds"]
    # 120 corpora: a share of 0.95 has a standard error of 0.02
    assert found["ilo", "sentence jackknife"] < 0.85
    assert found["ilo", "block jackknife"] > 0.88
    with pytest.raises(ValueError, match="49 sentences a corpus are no multiple of 5 a document"):
        coverage(world, 49, document=5)


def test_coverage_says_what_its_parts_say():
    world = make_world(languages=5, sentences=60, hidden=8, offset=0.5, seed=1)
    found = coverage(world, 20, k=4, tau=2, draws=30).set_index(["score", "method"])
    parts = [world[:, :, i : i + 20] for i in (0, 20, 40)]
    lists = [nearest_neighbors(part, 4, keep=False) for part in parts]
    scores = [ilo_scores(each, 4, 2)[["bridge", "reach", "ilo"]].mean() for each in lists]
    for score in ("bridge", "reach", "ilo"):
        row = found.loc[score, "bootstrap"]
        truth = np.mean([each[score] for each in scores])
        assert row["truth"] == pytest.approx(truth) and row["corpora"] == 3
        draws = [bootstrap_scores(each, 4, 2, 30, i)[score] for i, each in enumerate(lists)]
        ends = np.array([interval(each.mean((1, 2))) for each in draws])
        assert row[["low", "high"]].tolist() == pytest.approx(ends.mean(0).tolist())
        holds = (ends[:, 0] <= truth) & (truth <= ends[:, 1])
        assert row["holds"] == pytest.approx(holds.mean())
    methods = found.index.get_level_values("method").unique()
    assert list(methods) == ["bootstrap", "sentence jackknife"]  # no documents, no blocks
    assert "ILO of one language" in found.index
