"""Maps of the sentence vectors in two dimensions, and how far to trust them."""

import numpy as np
import pandas as pd
import xarray as xr

from ..ilo import ilo_scores
from ..neighbors import DISTANCES, nearest_neighbors


def project(acts, methods=("PCA", "t-SNE", "UMAP"), metric="cosine", seed=0):
    """Sentence vectors in two dimensions, each layer by itself.

    Parameters
    ----------
    acts : xarray.DataArray
        (layer, language, sentence, hidden).
    methods : tuple of str
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
    frames = []
    languages, sentences = acts.language.values, acts.sentence.values
    for method in methods:
        if method not in _METHODS:
            raise ValueError(f"map {method!r}: choose from {', '.join(_METHODS)}")
        for layer in acts.layer.values:
            xy = _METHODS[method](_points(acts, layer, metric), metric, seed)
            frames.append(pd.DataFrame({
                "method": method, "layer": layer, "language": np.repeat(languages, len(sentences)),
                "sentence": np.tile(sentences, len(languages)), "x": xy[:, 0], "y": xy[:, 1],
            }))  # fmt: skip
    return pd.concat(frames, ignore_index=True)


def _points(acts, layer, metric):
    """Vectors of a layer, such that euclidean distance orders them as the metric does."""
    if metric not in DISTANCES:
        raise ValueError(f"metric {metric!r}: choose from {', '.join(map(repr, DISTANCES))}")
    points = acts.sel(layer=layer).values.reshape(-1, acts.sizes["hidden"])
    if metric == "cosine":
        points = points / np.linalg.norm(points, axis=1, keepdims=True)
    return points - points.mean(0)


def _pca(points, metric, seed):
    from sklearn.decomposition import PCA

    return PCA(2, random_state=seed).fit_transform(points)


def _tsne(points, metric, seed):
    from sklearn.manifold import TSNE

    perplexity = min(30, len(points) // 4)
    return TSNE(init="pca", random_state=seed, perplexity=perplexity).fit_transform(points)


def _umap(points, metric, seed):
    import umap

    neighbors = min(15, len(points) - 1)
    return umap.UMAP(n_neighbors=neighbors, random_state=seed, n_jobs=1).fit_transform(points)


_METHODS = {"PCA": _pca, "t-SNE": _tsne, "UMAP": _umap}


def map_quality(acts, points, k=5, tau=3, metric="cosine"):
    """What a map keeps of the space it shows.

    Parameters
    ----------
    acts : xarray.DataArray
        The vectors that were mapped.
    points : pandas.DataFrame
        Of :func:`project`.
    k, tau : int
    metric : str
        Of the full space; in the map, distance is euclidean.

    Returns
    -------
    pandas.DataFrame
        layer, method (``"full space"`` first), trustworthiness (scikit-learn's, of k neighbours;
        1: no false neighbour in the map) and bridge, reach, ilo (means over the languages).
    """
    from sklearn.manifold import trustworthiness

    spaces = {"full space": (acts.drop_attrs(), metric)}
    coords = {dim: acts[dim].values for dim in ("layer", "language", "sentence")}
    shape = [len(labels) for labels in coords.values()]
    for method, part in points.groupby("method", sort=False):
        places = part.set_index(list(coords))[["x", "y"]]
        flat = places.loc[pd.MultiIndex.from_product(coords.values())].to_numpy()
        flat = flat.reshape(*shape, 2)
        spaces[method] = xr.DataArray(flat, coords, (*coords, "hidden")), "euclidean"
    rows = []
    for method, (vectors, distance) in spaces.items():
        near = nearest_neighbors(vectors, k=k, metric=distance)
        scores = ilo_scores(near, k=k, tau=tau).groupby("layer")[["bridge", "reach", "ilo"]].mean()
        for layer, row in scores.iterrows():
            kept = 1.0 if method == "full space" else trustworthiness(
                _points(acts, layer, metric),
                vectors.sel(layer=layer).values.reshape(-1, 2), n_neighbors=k,
            )  # fmt: skip
            rows.append({"layer": layer, "method": method, "trustworthiness": kept} | row.to_dict())
    return pd.DataFrame(rows)
