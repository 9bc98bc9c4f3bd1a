"""Maps of the sentence vectors in two dimensions, and how far to trust them."""

import itertools
from collections.abc import Sequence

import numpy as np
import pandas as pd
import xarray as xr

from ..ilo import ilo_scores
from ..neighbors import DISTANCES, nearest_neighbors


def project(
    acts: xr.DataArray, methods: Sequence[str] = ("PCA", "t-SNE", "UMAP"), metric: str = "cosine",
    seed: int = 0,
) -> pd.DataFrame:  # fmt: skip
    """Sentence vectors in two dimensions, each layer by itself.

    Parameters
    ----------
    acts : xarray.DataArray
        (layer, language, sentence, hidden).
    methods : sequence of str
        ``"PCA"`` (directions of largest variance), ``"t-SNE"`` and ``"UMAP"`` (which try to keep
        neighbours together). UMAP repeats exactly only with a seed, on one thread, on the same
        machine.
    metric : str
        ``"cosine"`` (mapped as euclidean distance of the rows of length 1, centred: it orders
        points alike, and float32 can tell crowded vectors apart) or ``"euclidean"``.
    seed : int

    Returns
    -------
    pandas.DataFrame
        method, layer, language, sentence, x, y; a row a method, layer and sentence.

    Raises
    ------
    ValueError
        For an unknown method or metric.
    """
    index = acts.isel(layer=0, hidden=0).to_series().index
    tables = {}
    for method, layer in itertools.product(methods, acts.layer.values):
        xy = _mapper(method, len(index), seed).fit_transform(_points(acts, layer, metric))
        tables[method, layer] = pd.DataFrame(xy, index, ["x", "y"])
    return pd.concat(tables, names=["method", "layer"]).reset_index()


def _points(acts, layer, metric):
    """Vectors of a layer, such that euclidean distance orders them as the metric does."""
    if metric not in DISTANCES:
        raise ValueError(f"metric {metric!r}: choose from {', '.join(map(repr, DISTANCES))}")
    points = acts.sel(layer=layer).values.reshape(-1, acts.sizes["hidden"])
    if metric == "cosine":
        points = points / np.linalg.norm(points, axis=1, keepdims=True)
    return points - points.mean(0)


def _mapper(method, points, seed):
    """What maps so many points: an estimator as scikit-learn's are."""
    from sklearn import decomposition, manifold

    if method == "PCA":
        return decomposition.PCA(2, random_state=seed)
    if method == "t-SNE":
        return manifold.TSNE(init="pca", random_state=seed, perplexity=min(30, points // 4))
    if method == "UMAP":
        from umap import UMAP

        return UMAP(n_neighbors=min(15, points - 1), random_state=seed, n_jobs=1)
    raise ValueError(f"map {method!r}: choose from PCA, t-SNE, UMAP")


def map_quality(
    acts: xr.DataArray, points: pd.DataFrame, k: int = 5, tau: int = 3, metric: str = "cosine"
) -> pd.DataFrame:
    """What a map keeps of the space it shows.

    Parameters
    ----------
    acts : xarray.DataArray
        The vectors that were mapped, (layer, language, sentence, hidden).
    points : pandas.DataFrame
        Of :func:`project`.
    k, tau : int
        As for :func:`ilo_helpers.ilo_scores`.
    metric : str
        Of the full space; in the map, distance is euclidean.

    Returns
    -------
    pandas.DataFrame
        layer, method (``"full space"`` first), trustworthiness (scikit-learn's, of k neighbours;
        1: no false neighbour in the map) and bridge, reach, ilo (means over the languages).

    Raises
    ------
    ValueError
        For k, tau or a metric that the vectors do not allow.
    """
    from sklearn.manifold import trustworthiness

    spaces = {"full space": (acts, metric)}
    like = acts.isel(hidden=0, drop=True)
    for method, part in points.groupby("method", sort=False):
        plane = part.set_index(list(like.dims))[["x", "y"]].to_xarray().reindex_like(like)
        spaces[method] = plane.to_array("hidden").transpose(*acts.dims), "euclidean"
    rows = []
    for method, (vectors, distance) in spaces.items():
        near = nearest_neighbors(vectors, k, distance, keep=False)
        scores = ilo_scores(near, k, tau).groupby("layer")[["bridge", "reach", "ilo"]].mean()
        for layer, row in scores.iterrows():
            kept = 1.0
            if vectors is not acts:
                flat = vectors.sel(layer=layer).values.reshape(-1, 2)
                kept = trustworthiness(_points(acts, layer, metric), flat, n_neighbors=k)
            rows.append({"layer": layer, "method": method, "trustworthiness": kept} | row.to_dict())
    return pd.DataFrame(rows)
