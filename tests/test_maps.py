import numpy as np
import pytest
from conftest import world

from ilo_helpers.maps import map_quality, project

CODES = ["eng_Latn", "deu_Latn", "rus_Cyrl"]


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


def test_a_map_of_what_does_not_fit_a_plane_is_found_out():
    acts = world(np.random.default_rng(0).normal(size=(1, 3, 60, 40)), CODES)
    points = project(acts, ("PCA", "t-SNE", "UMAP"))
    quality = map_quality(acts, points, tau=2).set_index("method")["trustworthiness"]
    assert (quality.drop("full space") < 0.9).all() and quality["full space"] == 1


def test_maps_repeat_with_a_seed():
    acts = flat_world().isel(layer=[0])
    for method in ("PCA", "t-SNE", "UMAP"):
        first, second = (project(acts, (method,), seed=3) for _ in range(2))
        np.testing.assert_array_equal(first[["x", "y"]], second[["x", "y"]])
    with pytest.raises(ValueError, match="map 'isomap': choose from PCA, t-SNE, UMAP"):
        project(acts, ("isomap",))
