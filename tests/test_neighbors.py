import numpy as np
import pytest
from conftest import LANGUAGES
from made import world
from scipy.spatial.distance import cdist

from ilo_helpers import extract_activations, load_corpus, nearest_neighbors, neighbors
from ilo_helpers._search import parts
from ilo_helpers._search.knn import RowError, knn
from ilo_helpers.neighbors import neighbors_within


def brute_force(points, k, metric):
    """float64, from the definition, the whole distance matrix, ties by index."""
    points = np.asarray(points, np.float64)
    if metric == "cosine":
        points = points / np.linalg.norm(points, axis=1, keepdims=True)
        distance = 1 - points @ points.T
    else:
        distance = cdist(points, points)
    np.fill_diagonal(distance, np.inf)
    index = np.argsort(distance, axis=1, kind="stable")[:, :k]
    return index, np.take_along_axis(distance, index, 1)


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
@pytest.mark.parametrize(("n", "k"), [(12, 11), (200, 1), (1500, 10), (2011, 7)])
def test_equals_float64_brute_force(metric, n, k):
    rng = np.random.default_rng(n)
    points = (rng.normal(size=(n, 24)) + 3).astype(np.float32)
    index, distance = knn(points, k, metric)
    expected, distances = brute_force(points, k, metric)
    assert index.dtype == np.int32 and distance.dtype == np.float32
    np.testing.assert_array_equal(index, expected)
    np.testing.assert_allclose(distance, distances, rtol=1e-6, atol=1e-12)


def test_crowded_vectors_where_float32_loses_the_order():
    rng = np.random.default_rng(0)
    points = (1000 + rng.normal(size=(800, 64))).astype(np.float32)
    expected, _ = brute_force(points, 10, "cosine")
    unit = points / np.linalg.norm(points, axis=1, keepdims=True)
    naive = 1 - unit @ unit.T
    np.fill_diagonal(naive, np.inf)
    assert (np.argsort(naive, 1, "stable")[:, :10] != expected).any(1).mean() > 0.5
    np.testing.assert_array_equal(knn(points, 10)[0], expected)


@pytest.fixture(scope="module")
def real_acts(tmp_path_factory, packaged):
    whole = load_corpus("udhr", languages=LANGUAGES)
    shortest = whole.map(len).sum(axis=1).nsmallest(12).index  # reading is what takes time
    corpus = load_corpus("udhr", languages=LANGUAGES, sentences=list(shortest))
    folder = tmp_path_factory.mktemp("real")
    lm = packaged("gemma-3-270m")
    return extract_activations(lm, corpus, ["mean", "mean_no_special"], store=folder)


@pytest.mark.real
@pytest.mark.parametrize("pooling", ["mean", "mean_no_special"])
def test_equals_float64_on_every_row_of_the_real_activations(pooling, real_acts):
    acts = real_acts[pooling]
    found = nearest_neighbors(acts, k=10)
    for layer in acts.layer.values:
        points = acts.sel(layer=layer).values.reshape(-1, acts.sizes["hidden"])
        expected, _ = brute_force(points, 10, "cosine")
        ours = found["index"].sel(layer=layer).values.reshape(-1, 10)
        np.testing.assert_array_equal(ours, expected)


def test_ties_go_to_the_lower_index_and_self_is_excluded_by_index():
    points = np.array([[1, 0], [2, 0], [3, 0], [0, 1], [0, 2], [1, 0]], np.float32)
    index, distance = knn(points, 3)
    assert index.tolist() == [[1, 2, 5], [0, 2, 5], [0, 1, 5], [4, 0, 1], [3, 0, 1], [0, 1, 2]]
    assert distance[0].tolist() == [0, 0, 0] and distance[3].tolist() == [0, 1, 1]


def test_many_copies_of_one_point():
    """More ties than candidates: the search widens until it can prove the list."""
    rng = np.random.default_rng(0)
    points = np.concatenate([np.ones((300, 8)), rng.normal(size=(100, 8))]).astype(np.float32)
    index, _ = knn(points, 4)
    assert index[:5].tolist() == [[1, 2, 3, 4], [0, 2, 3, 4], [0, 1, 3, 4], [0, 1, 2, 4],
                                  [0, 1, 2, 3]]  # fmt: skip
    assert (index[5:300] == [0, 1, 2, 3]).all()
    np.testing.assert_array_equal(index[300:], brute_force(points, 4, "cosine")[0][300:])


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_rotation_and_scale_change_nothing(metric):
    rng = np.random.default_rng(0)
    points = rng.normal(size=(400, 12))
    rotation, _ = np.linalg.qr(rng.normal(size=(12, 12)))
    np.testing.assert_array_equal(
        knn(points, 6, metric)[0], knn(7.5 * points @ rotation, 6, metric)[0]
    )


def test_subset_of_languages_equals_computing_on_the_subset():
    acts = world(np.random.default_rng(0).normal(size=(2, 5, 20, 8)))
    part = acts.isel(language=[3, 0])
    found = nearest_neighbors(part, k=4)
    alone = nearest_neighbors(world(part.values, ["l3", "l0"]), k=4)
    np.testing.assert_array_equal(found["index"], alone["index"])
    assert found.language.values.tolist() == ["l3", "l0"]


def test_errors_name_the_row():
    values = np.random.default_rng(0).normal(size=(2, 3, 4, 5))
    zero, nan = values.copy(), values.copy()
    zero[1, 2, 1] = 0
    nan[0, 1, 3, 2] = np.nan
    with pytest.raises(ValueError, match="layer 1, language l2, sentence 1: the vector is zero"):
        nearest_neighbors(world(zero), k=2)
    nearest_neighbors(world(zero), k=2, metric="euclidean")
    with pytest.raises(ValueError, match="layer 0, language l1, sentence 3: the vector is not fin"):
        nearest_neighbors(world(nan), k=2, metric="euclidean")
    with pytest.raises(RowError, match="not finite"):
        knn(np.full((3, 2), np.inf), 1)
    with pytest.raises(
        ValueError, match=r"k = 12: with 12 sentences in all, k must be from 1 to 11"
    ):
        nearest_neighbors(world(values), k=12)
    with pytest.raises(ValueError, match="metric 'dot'"):
        nearest_neighbors(world(values), metric="dot")
    with pytest.raises(ValueError, match=r"have dimensions \('language', 'sentence', 'hidden'\)"):
        nearest_neighbors(world(values)[0], k=2)


def test_kept_by_content_and_resumed(data, monkeypatch):
    rng = np.random.default_rng(0)
    acts = world(rng.normal(size=(4, 3, 10, 6))).assign_attrs(model="m", corpus="c")
    computed = []
    search = parts.search_layer

    def watched(vectors, *args):
        computed.append(vectors.layer.item())
        return search(vectors, *args)

    monkeypatch.setattr(parts, "search_layer", watched)
    monkeypatch.setattr(neighbors, "search_layer", watched)
    first = nearest_neighbors(acts, k=3).load()
    assert nearest_neighbors(acts, k=3).identical(first) and computed == [0, 1, 2, 3]
    # shifted by a hand, attributes kept: never the neighbours of the old vectors
    moved = acts.copy(data=acts.values + rng.normal(size=acts.shape))
    assert not nearest_neighbors(moved, k=3)["index"].equals(first["index"])
    assert len(computed) == 8
    next((data / "neighbors").glob("*/layer-2.json")).unlink()  # as a kill leaves it
    nearest_neighbors(acts, k=3)
    nearest_neighbors(moved, k=3)
    assert computed[8:] == [2]
    there = set((data / "neighbors").iterdir())
    unkept = nearest_neighbors(acts, k=4, keep=False)
    assert computed[9:] == [0, 1, 2, 3] and set((data / "neighbors").iterdir()) == there
    np.testing.assert_array_equal(unkept["index"][..., :3], first["index"])


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
@pytest.mark.parametrize("stored", [4, 30])
def test_a_part_of_the_lists_is_the_search_in_the_part(metric, stored):
    rng = np.random.default_rng(0)
    values = rng.normal(size=(2, 1, 15, 6)) + 0.8 * rng.normal(size=(2, 5, 15, 6))
    acts = world(values + 2 * rng.normal(size=(2, 5, 1, 6)))
    whole = nearest_neighbors(acts, k=stored, metric=metric)
    for languages, sentences in (([0, 2, 3], None), (None, [1, 4, 5, 9, 14]), ([1, 4], [0, 7, 8])):
        found = neighbors_within(whole, acts, 3, languages, sentences)
        part = acts.isel(language=languages or slice(None), sentence=sentences or slice(None))
        expected = nearest_neighbors(part, k=3, metric=metric)
        np.testing.assert_array_equal(found["index"], expected["index"])
        np.testing.assert_allclose(found["distance"], expected["distance"], atol=1e-6)
        assert found.language.values.tolist() == part.language.values.tolist()
    with pytest.raises(ValueError, match="k = 3: with 3 sentences in the part"):
        neighbors_within(whole, acts, 3, [0], [1, 2, 3])
