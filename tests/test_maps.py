import numpy as np
import pytest
from conftest import world

from ilo_helpers.regions.maps import map_quality, project

CODES = ["eng_Latn", "deu_Latn", "rus_Cyrl"]
#: UMAP is compiled when it is first called, which takes half a minute.
METHODS = ["PCA", "t-SNE", pytest.param("UMAP", marks=pytest.mark.real)]


def flat_world():
    """A plane in ten dimensions: a map can keep all of it."""
    rng = np.random.default_rng(0)
    turn = np.linalg.qr(rng.normal(size=(10, 10)))[0][:2]
    return world(rng.uniform(size=(2, 3, 40, 2)) @ turn, CODES)


def test_pca_of_a_plane_loses_nothing():
    acts = flat_world()
    points = project(acts, ("PCA",), metric="euclidean")
    assert list(points) == ["method", "layer", "language", "sentence", "x", "y"]
    assert len(points) == 2 * 3 * 40
    quality = map_quality(acts, points, k=5, tau=2, metric="euclidean")
    quality = quality.set_index(["layer", "method"])
    for layer in (0, 1):
        assert quality.loc[(layer, "PCA"), "trustworthiness"] == 1
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
    acts = world(np.random.default_rng(0).normal(size=(1, 3, 60, 40)), CODES)
    quality = map_quality(acts, project(acts, (method,)), tau=2).set_index("method")
    assert quality["trustworthiness"].index.tolist() == ["full space", method]
    assert quality.loc[method, "trustworthiness"] < 0.9
    assert quality.loc["full space", "trustworthiness"] == 1


@pytest.mark.parametrize("method", METHODS)
def test_maps_repeat_with_a_seed(method):
    acts = flat_world().isel(layer=[0])
    first, second = (project(acts, (method,), seed=3) for _ in range(2))
    np.testing.assert_array_equal(first[["x", "y"]], second[["x", "y"]])


def test_unknown_maps_and_metrics_are_refused():
    with pytest.raises(ValueError, match="map 'isomap': choose from PCA, t-SNE, UMAP"):
        project(flat_world(), ("isomap",))
    with pytest.raises(ValueError, match="metric 'dot': choose from 'cosine', 'euclidean'"):
        project(flat_world(), ("PCA",), metric="dot")
