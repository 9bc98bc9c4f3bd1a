"""Searches as they are handed out: a layer, or one language's rows of a layer that is large."""

import functools
import shutil

import numpy as np

from ..keep.cluster import current_client
from ..keep.fill import fill
from ..keep.stores import Store, check_disk
from .knn import RowError, knn

#: Rows from which on workers that have no layer of their own help with one.
LARGE = 50_000


def fill_layers(store, acts, k, metric, device, memory):
    """Search the layers that a store lacks, here or by the workers of a Dask client."""
    missing = store.missing()
    check_disk([(store, missing)])
    client, rows = current_client(), acts.sizes["language"] * acts.sizes["sentence"]
    # in one piece the product of two rows serves both: blocks cost twice, and then pay
    if client is not None and rows >= LARGE and len(client.nthreads()) > 2 * len(missing):
        for layer in missing:
            _fill_by_rows(store, acts.sel(layer=[layer]), k, metric, device, memory)
        return
    jobs = {layer: acts.sel(layer=[layer]) for layer in missing}
    make = functools.partial(_lists, k, metric, device, memory)
    fill([store], jobs, make, f"neighbours, {metric}, layer", "layer")


def _fill_by_rows(store, acts, k, metric, device, memory):
    """Search a layer language by language, and put it together."""
    layer = acts.layer.item()
    store.create()
    with store.lock(layer):
        if store.holds(layer):  # another client was here meanwhile
            return
        coords = store.coords | {"layer": [layer]}
        name = f"rows--{store.path.name}"
        rows = Store("neighbors", name, coords, store.variables, "language", store.attrs)
        make = functools.partial(_rows, acts, k, metric, device, memory)
        jobs = {code: place for place, code in enumerate(rows.parts)}
        fill([rows], jobs, make, f"neighbours, {metric}, layer {layer}, language", "language")
        found = rows.open()
        store.write(layer, **{name: found[name].values[0] for name in store.variables})
    shutil.rmtree(rows.path)


def _lists(k, metric, device, memory, acts, _progress):
    """What the store gets of one layer."""
    return [search_layer(acts[0], k, metric, device, memory)]


def _rows(acts, k, metric, device, memory, language, _progress):
    """What the store of blocks gets of one language."""
    found = search_layer(acts[0], k, metric, device, memory, language)
    return [{name: array[None, 0] for name, array in found.items()}]


def search_layer(vectors, k, metric, device, memory, language=None):
    """Neighbours in one layer: index and distance, (language, sentence, neighbor).

    Of all languages, or of the one at a place.
    """
    points = vectors.values.reshape(-1, vectors.sizes["hidden"])
    languages, sentences = vectors.shape[:2]
    rows = None
    if language is not None:
        languages, rows = 1, language * sentences + np.arange(sentences)
    try:
        index, distance = knn(points, k, metric, device, rows, memory=memory)
    except RowError as error:
        language, sentence = divmod(error.row, sentences)
        raise ValueError(
            f"layer {vectors.layer.item()}, language {vectors.language.values[language]}, "
            f"sentence {vectors.sentence.values[sentence]}: {error}"
        ) from None
    shape = (languages, sentences, k)
    return {"index": index.reshape(shape), "distance": distance.reshape(shape)}
