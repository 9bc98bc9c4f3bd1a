"""Maps of the sentence vectors in two dimensions, and how far to trust them."""

import contextlib
import functools
import itertools
from collections.abc import Sequence
from types import ModuleType

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
        xy = _mapper(method, len(index), seed).fit_transform(centred_points(acts, layer, metric))
        tables[method, layer] = pd.DataFrame(xy, index, ["x", "y"])
    return pd.concat(tables, names=["method", "layer"]).reset_index()


def centred_points(acts: xr.DataArray, layer: int, metric: str) -> np.ndarray:
    """Vectors of a layer, such that euclidean distance orders them as the metric does.

    Parameters
    ----------
    acts : xarray.DataArray
    layer : int
    metric : str
        ``"cosine"`` or ``"euclidean"``.

    Returns
    -------
    numpy.ndarray
        (point, hidden), centred.

    Raises
    ------
    ValueError
        For another metric.
    """
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
        umap = load_umap()
        return umap.UMAP(n_neighbors=min(15, points - 1), random_state=seed, n_jobs=1)
    raise ValueError(f"map {method!r}: choose from PCA, t-SNE, UMAP")


@functools.cache
def load_umap() -> ModuleType:
    """The package ``umap``, which keeps on disk what it compiles.

    As it comes it compiles at the first map of every process, for a quarter of a minute.

    Returns
    -------
    module
    """
    import umap
    from numba.core.dispatcher import Dispatcher

    for part in (umap.umap_, umap.utils, umap.layouts, umap.aligned_umap):
        for function in vars(part).values():
            if isinstance(function, Dispatcher):
                with contextlib.suppress(RuntimeError):  # there is no place to write to
                    function.enable_caching()
    return umap


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
        layer, method (``"full space"`` first), and, 0 to 1,

        - trustworthiness (Venna and Kaski 2001; scikit-learn's, of k neighbours): 1 if no point
          is a neighbour in the map only; an intruder counts by its rank in the space;
        - continuity (theirs): 1 if no neighbour of the space is torn away in the map; the same
          with the roles of space and map swapped;
        - kept (our definition): share of the k neighbours in the space that are among the k in
          the map;
        - bridge, reach, ilo: of the map's lists, means over the languages.

    Raises
    ------
    ValueError
        For k, tau or a metric that the vectors do not allow.
    """
    like = acts.isel(hidden=0, drop=True)
    full = nearest_neighbors(acts, k, metric, keep=False)
    whole = dict.fromkeys(("trustworthiness", "continuity", "kept"), 1.0)
    tables = [_score(full, k, tau, "full space", {layer: whole for layer in acts.layer.values})]
    for method, part in points.groupby("method", sort=False):
        plane = part.set_index(list(like.dims))[["x", "y"]].to_xarray().reindex_like(like)
        plane = plane.to_array("hidden").transpose(*acts.dims)
        near = nearest_neighbors(plane, k, "euclidean", keep=False)
        keeps = {
            layer: _kept(
                centred_points(acts, layer, metric), centred_points(plane, layer, "euclidean"), k
            )
            | {"kept": _common(full["index"].sel(layer=layer), near["index"].sel(layer=layer))}
            for layer in acts.layer.values
        }
        tables.append(_score(near, k, tau, method, keeps))
    return pd.concat(tables, ignore_index=True)


def _kept(space, plane, k):
    """How few neighbours are false in the map, and how few are torn away."""
    from sklearn.manifold import trustworthiness

    return {
        "trustworthiness": trustworthiness(space, plane, n_neighbors=k),
        "continuity": trustworthiness(plane, space, n_neighbors=k),
    }


def _common(these, those):
    """Share of the neighbours in these lists that are in those, in any order."""
    pairs = these == those.rename(neighbor="other")
    return float(pairs.any("other").mean())


def _score(near, k, tau, method, keeps):
    """A row a layer: what the map keeps, and the mean scores of its lists."""
    scores = ilo_scores(near, k, tau).groupby("layer")[["bridge", "reach", "ilo"]].mean()
    table = pd.DataFrame(keeps).T.join(scores).rename_axis("layer").reset_index()
    table.insert(1, "method", method)
    return table
