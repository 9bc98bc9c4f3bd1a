import numpy as np
import pytest
from made import world

from ilo_helpers.regions.maps import load_umap, map_quality, project

CODES = ["eng_Latn", "deu_Latn", "rus_Cyrl"]
#: UMAP is compiled when it is first called, which takes half a minute.
METHODS = ["PCA", "t-SNE", pytest.param("UMAP", marks=pytest.mark.real)]


def flat_world():
    """A plane in ten dimensions: a map can keep all of it."""
    rng = np.random.default_rng(0)
    turn = np.linalg.qr(rng.normal(size=(10, 10)))[0][:2]
    return world(rng.uniform(size=(2, 3, 24, 2)) @ turn, CODES)


def test_pca_of_a_plane_loses_nothing():
    acts = flat_world()
    points = project(acts, ("PCA",), metric="euclidean")
    assert list(points) == ["method", "layer", "language", "sentence", "x", "y"]
    assert len(points) == 2 * 3 * 24
    quality = map_quality(acts, points, k=5, tau=2, metric="euclidean")
    quality = quality.set_index(["layer", "method"])
    for layer in (0, 1):
        for kept in ("trustworthiness", "continuity", "kept"):
            assert quality.loc[(layer, "PCA"), kept] == 1
        for score in ("bridge", "reach", "ilo"):
            full, mapped = (quality.loc[(layer, m), score] for m in ("full space", "PCA"))
            assert full == mapped


def test_a_row_of_a_map_is_the_sentence_it_names():
    # far apart, in an order that is not that of the alphabet: PCA's axis is the second coordinate
    places = np.arange(6.0)[::-1].reshape(1, 2, 3, 1) * [0, 1]
    points = project(world(places, ["rus_Cyrl", "deu_Latn"]), ("PCA",), metric="euclidean")
    assert points["language"].tolist() == ["rus_Cyrl"] * 3 + ["deu_Latn"] * 3
    assert points["sentence"].tolist() == [0, 1, 2] * 2
    steps = np.diff(points["x"])
    np.testing.assert_allclose(steps, np.sign(steps[0]), atol=1e-6)


@pytest.mark.parametrize("method", METHODS)
def test_a_map_of_what_does_not_fit_a_plane_is_found_out(method):
    acts = world(np.random.default_rng(0).normal(size=(1, 3, 30, 40)), CODES)
    quality = map_quality(acts, project(acts, (method,)), tau=2).set_index("method")
    assert quality["trustworthiness"].index.tolist() == ["full space", method]
    kept = ["trustworthiness", "continuity", "kept"]
    assert quality.loc[method, "trustworthiness"] < 0.9 and quality.loc[method, "kept"] < 0.6
    assert (quality.loc["full space", kept] == 1).all()


@pytest.mark.parametrize("method", METHODS)
def test_maps_repeat_with_a_seed(method):
    acts = flat_world().isel(layer=[0])
    first, second = (project(acts, (method,), seed=3) for _ in range(2))
    np.testing.assert_array_equal(first[["x", "y"]], second[["x", "y"]])


def penalty(here, there, k):
    """Venna and Kaski's sum over those who are near here and not there, by their rank there."""
    near, ranks = here.argsort(1)[:, 1 : k + 1], there.argsort(1).argsort(1)
    n = len(here)
    worst = n * k * (2 * n - 3 * k - 1) / 2
    return sum(max(0, ranks[i, j] - k) for i in range(n) for j in near[i]) / worst


def test_what_a_map_keeps_by_brute_force():
    rng = np.random.default_rng(2)
    acts = world(rng.normal(size=(1, 3, 20, 6)), CODES)
    points = project(acts, ("PCA",), metric="euclidean")
    row = map_quality(acts, points, k=4, tau=2, metric="euclidean").iloc[1]
    space, plane = (
        np.linalg.norm(each[:, None] - each, axis=2)
        for each in (acts.values.reshape(60, 6), points[["x", "y"]].to_numpy())
    )
    assert row["trustworthiness"] == pytest.approx(1 - penalty(plane, space, 4))
    assert row["continuity"] == pytest.approx(1 - penalty(space, plane, 4))
    lists = ([set(line.argsort()[1:5]) for line in each] for each in (space, plane))
    common = [len(a & b) / 4 for a, b in zip(*lists, strict=True)]
    assert row["kept"] == pytest.approx(np.mean(common))


def test_unknown_maps_and_metrics_are_refused():
    with pytest.raises(ValueError, match="map 'isomap': choose from PCA, t-SNE, UMAP"):
        project(flat_world(), ("isomap",))
    with pytest.raises(ValueError, match="metric 'dot': choose from 'cosine', 'euclidean'"):
        project(flat_world(), ("PCA",), metric="dot")


def test_what_umap_compiles_is_kept():
    umap = load_umap()
    for function in (umap.umap_.smooth_knn_dist, umap.aligned_umap.procrustes_align):
        assert function.stats.cache_path  # numba's; none where it would compile anew
