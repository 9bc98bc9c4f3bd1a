"""Exact nearest neighbours of all sentence vectors, all languages pooled, and what they are."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import xarray as xr

from ._search.knn import knn
from ._search.parts import fill_layers, search_layer
from .arithmetic import default_device, usable_device
from .keep import arguments
from .keep.digest import arrays_digest
from .keep.labelled import in_order, nearest, places_of
from .keep.paths import slug
from .keep.stores import Store

DISTANCES = ("cosine", "euclidean")
#: What a neighbour may be.
KINDS = ("own", "translation", "other")


def nearest_neighbors(
    acts: xr.DataArray,
    k: int = 10,
    metric: str = "cosine",
    device: str | None = None,
    keep: bool = True,
    memory: int | str | None = None,
) -> xr.Dataset:
    """The k nearest sentences of every sentence, in any language, at every layer.

    All languages are pooled. A sentence is never its own neighbour (it is left out by its
    index); sentences of its own language may be. The lists are those of a float64 brute force:
    a float32 search on centred vectors proposes, float64 distances decide, ties go to the lower
    index, and a row whose candidates cannot be proven complete is searched again with more.

    Parameters
    ----------
    acts : xarray.DataArray
        Dimensions layer, language, sentence, hidden, as :func:`extract_activations` returns it
        or any array so labelled.
    k : int
        Neighbours kept; every smaller k is a prefix of the lists.
    metric : str
        ``"cosine"`` (the ILO paper's) or ``"euclidean"``.
    device : str, optional
        ``"cpu"`` or ``"cuda"``; default: a GPU where there is one.
    keep : bool
        Keep the lists in ``data/neighbors``, under a hash of the vectors, one layer at a time,
        searched here or by the workers of a Dask client (vectors of a store, 50,000 rows or
        more, where there are more than two workers a layer: a language at a time). A killed run
        goes on where it was, and the same vectors are not searched again.
    memory : int or str, optional
        Bytes, or ``"4GB"``, that the search of a layer may take; default half of what is free.
        Vectors in memory do not count, those of a store do: they are mapped from a file in the
        data folder, gone after the search, where they would take more than a quarter, and where
        workers search a language each. The lists do not depend on it.

    Returns
    -------
    xarray.Dataset
        Dimensions layer, language, sentence, neighbor, nearest first. ``index``: int32, place in
        the stack of (language, sentence), row ``language × sentences + sentence``.
        ``distance``: float32; cosine distance, 0 to 2, or euclidean. ``attrs``: those of
        ``acts``, metric, k and a hash of the vectors.

    Raises
    ------
    ValueError
        For an unknown metric, k of no neighbours or of all, missing dimensions; for a vector
        that is zero (cosine) or not finite, with layer, language and sentence; for too little
        memory, with what is needed.
    """
    acts, k, metric = check_search(acts, k, metric)
    device, keep = usable_device(device), arguments.flag("keep", keep)
    # of the values: vectors changed by hand never get the neighbours of the old ones
    vectors = arrays_digest(language.values for layer in acts for language in layer)
    attrs = acts.attrs | {"metric": metric, "k": k, "vectors": vectors}
    coords = {dim: acts[dim].values for dim in acts.dims[:3]} | {"neighbor": range(k)}
    if not keep:
        layers = [search_layer(each, k, metric, device, memory) for each in acts]
        return _dataset(coords, layers, attrs)
    name = "--".join(slug(attrs[part]) for part in ("model", "corpus") if part in attrs)
    name = f"{name or 'vectors'}--{metric}-{k}"
    variables = {"index": "int32", "distance": "float32"}
    store = Store("neighbors", name, coords, variables, "layer", attrs)
    fill_layers(store, acts, k, metric, device, memory)
    return store.open().assign_attrs(attrs)


def neighbors_within(
    neighbors: xr.Dataset,
    acts: xr.DataArray,
    k: int,
    languages: Sequence[int] | np.ndarray | None = None,
    sentences: Sequence[int] | np.ndarray | None = None,
) -> xr.Dataset:
    """The k nearest within a part of the corpus, from the stored lists of the whole.

    Who is not in the part is struck from the lists, which keeps their order; rows with fewer
    than k left are searched anew. The result is that of :func:`nearest_neighbors` on the part.

    Parameters
    ----------
    neighbors : xarray.Dataset
        ``nearest_neighbors(acts, …)``; the longer the lists, the fewer searches.
    acts : xarray.DataArray
        The vectors, of the layers of ``neighbors`` at least.
    k : int
    languages, sentences : array of int, optional
        Places of those in the part, ascending; default all.

    Returns
    -------
    xarray.Dataset
        As :func:`nearest_neighbors`, k neighbours each, without the attributes of the whole.

    Raises
    ------
    ValueError
        If the part has no more than k sentences.
    """
    total = [neighbors.sizes["language"], neighbors.sizes["sentence"]]
    chosen = [
        places_of("languages", languages, total[0]),
        places_of("sentences", sentences, total[1]),
    ]
    rows = (chosen[0][:, None] * total[1] + chosen[1]).ravel()
    k = arguments.whole("k", k, 1, len(rows) - 1, f"with {len(rows)} sentences in the part")
    place = np.full(total[0] * total[1], -1)
    place[rows] = np.arange(len(rows))
    metric, stored = neighbors.attrs["metric"], neighbors.sizes["neighbor"]
    layers = []
    for layer in neighbors.layer.values:
        at = neighbors.sel(layer=layer)
        lists = place[at["index"].values.reshape(-1, stored)[rows]]
        order = np.argsort(lists < 0, axis=1, kind="stable")[:, :k]  # those inside first
        # where fewer than k are stored, every row is searched anew
        index = np.empty((len(rows), k), np.int32)
        distance = np.empty((len(rows), k), np.float32)
        index[:, :stored] = np.take_along_axis(lists, order, 1)
        distances = at["distance"].values.reshape(-1, stored)[rows]
        distance[:, :stored] = np.take_along_axis(distances, order, 1)
        short = np.flatnonzero((lists >= 0).sum(1) < k)
        if len(short):
            points = acts.sel(layer=layer).values.reshape(len(place), -1)[rows]
            index[short], distance[short] = knn(points, k, metric, default_device(), short)
        shape = (*map(len, chosen), k)
        layers.append({"index": index.reshape(shape), "distance": distance.reshape(shape)})
    coords = {"layer": neighbors.layer.values, "language": neighbors.language.values[chosen[0]],
              "sentence": neighbors.sentence.values[chosen[1]], "neighbor": range(k)}  # fmt: skip
    return _dataset(coords, layers, {"metric": metric, "k": k})


def without_translations(neighbors: xr.Dataset, k: int) -> xr.Dataset:
    """The k nearest of every sentence that are not its own translations; exact.

    Parameters
    ----------
    neighbors : xarray.Dataset
        With at least k + languages − 1 neighbours: no more than languages − 1 are left out.
    k : int

    Returns
    -------
    xarray.Dataset
        As :func:`nearest_neighbors` returns it, k neighbours each.

    Raises
    ------
    ValueError
        If too few neighbours are stored.
    """
    languages, sentences = neighbors.sizes["language"], neighbors.sizes["sentence"]
    k = arguments.whole("k", k)
    need = k + languages - 1
    if neighbors.sizes["neighbor"] < need:
        raise ValueError(
            f"{neighbors.sizes['neighbor']} neighbours are stored; to leave out the translations "
            f"in {languages} languages and keep {k}, call nearest_neighbors(acts, k={need})"
        )
    index = neighbors["index"].values[..., :need]
    translation = index % sentences == np.arange(sentences)[:, None]
    order = np.argsort(translation, axis=-1, kind="stable")[..., :k]
    kept = neighbors.isel(neighbor=slice(k)).copy()
    for name in ("index", "distance"):
        values = neighbors[name].values[..., :need]
        kept[name] = kept[name].dims, np.take_along_axis(values, order, axis=-1)
    return kept.assign_attrs(neighbors.attrs | {"k": k, "left_out": "translations"})


def neighbor_languages(neighbors: xr.Dataset) -> xr.DataArray:
    """Place of each neighbour's language.

    Returns
    -------
    xarray.DataArray
        int32, dimensions as ``index``; 0 is the first language of the array.
    """
    return neighbors["index"] // neighbors.sizes["sentence"]


def list_kinds(neighbors: xr.Dataset) -> np.ndarray:
    """What each neighbour is (our definition).

    Returns
    -------
    numpy.ndarray
        int8, as ``index``, places in :data:`KINDS`: of the sentence's own language, its own
        translation, or another sentence of another language.
    """
    index = neighbors["index"].values
    languages, sentences = index.shape[1:3]
    own = index // sentences == np.arange(languages)[:, None, None]
    translation = index % sentences == np.arange(sentences)[:, None]
    return np.where(own, 0, np.where(translation, 1, 2)).astype(np.int8)


def neighbor_kinds(neighbors: xr.Dataset, k: int = 5) -> pd.DataFrame:
    """What the neighbours of a language's sentences are, as :func:`list_kinds` tells them.

    Parameters
    ----------
    neighbors : xarray.Dataset
    k : int

    Returns
    -------
    pandas.DataFrame
        One row a layer and language: layer, language, own, translation and other, shares of the
        k neighbours that sum to 1.
    """
    kinds = list_kinds(nearest(neighbors, k))
    layer, language = np.meshgrid(neighbors.layer, neighbors.language, indexing="ij")
    table = {"layer": layer, "language": language}
    table |= {name: (kinds == place).mean((2, 3)) for place, name in enumerate(KINDS)}
    return pd.DataFrame({name: values.ravel() for name, values in table.items()})


def _dataset(coords, layers, attrs):
    """Lists of several layers, each a dictionary of arrays, as one labelled set."""
    arrays = {name: np.stack([each[name] for each in layers]) for name in layers[0]}
    return xr.Dataset(
        {name: (list(coords), array) for name, array in arrays.items()}, coords, attrs
    )


def check_search(acts: xr.DataArray, k: int, metric: str) -> tuple[xr.DataArray, int, str]:
    """What :func:`nearest_neighbors` takes, in order and as Python's types; else ValueError."""
    acts = in_order(acts)
    points = acts.sizes["language"] * acts.sizes["sentence"]
    k = arguments.whole("k", k, 1, points - 1, f"with {points} sentences in all")
    return acts, k, arguments.one_of("metric", metric, DISTANCES)
